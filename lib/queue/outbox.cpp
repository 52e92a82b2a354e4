// Collecting and publishing lines for the queue.
#include "queue/outbox.hpp"

namespace nodespool::queue {

QueueFileWriter& Outbox::file(Priority priority) {
    auto found = m_files.find(priority);
    if (found == m_files.end())
        found = m_files.emplace(priority, m_spool->new_file(priority)).first;
    return found->second;
}

QueueFileWriter& Outbox::rejected_file(std::string_view reason) {
    if (!m_rejected)
        m_rejected.emplace(m_spool->new_rejected_file());
    m_rejected->add_comment(reason);
    return *m_rejected;
}

void Outbox::resubmit(JobRecord job, Priority priority, const Resubmission& why) {
    if (!job.since)
        job.set_attribute("since", base::format_time(why.queued_at));
    job.set_attribute("attempts", std::to_string(job.attempts + 1));
    job.set_attribute("not-before", base::format_time(why.not_before));
    const std::string when = base::format_rfc3339(m_spool->clock().now());
    QueueFileWriter& writer = file(priority);
    writer.add_comment(when + " " + why.reason);
    writer.add(job);
}

void Outbox::add(const JobRecord& job, Priority priority, std::string_view comment) {
    QueueFileWriter& writer = file(priority);
    if (!comment.empty())
        writer.add_comment(comment);
    writer.add(job);
}

void Outbox::reject(const ClaimedFile& claimed, const LineMark& line, std::string_view reason) {
    rejected_file(reason).add_raw_from(claimed.fd(), line.offset, line.length, claimed.path());
}

void Outbox::reject(std::string_view line, std::string_view reason) {
    rejected_file(reason).add_raw(line);
}

void Outbox::commit() {
    if (m_rejected)
        m_rejected->commit();
    m_rejected.reset();
    for (auto& [priority, writer] : m_files)
        writer.commit();
    m_files.clear();
}

} // namespace nodespool::queue
