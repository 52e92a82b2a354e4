// Filling batches and ticking them off.
#include "queue/hand_out.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <iterator>

namespace nodespool::queue {

bool Selection::wants(const JobRecord& job, base::Timestamp now) const {
    if (job.keyword != keyword)
        return false;
    if (deferred == Deferred::leave && job.not_before && *job.not_before > now)
        return false;
    if (!glob)
        return true;
    const std::optional<std::string> path = job.cluster_path();
    return path && ::fnmatch(glob->c_str(), path->c_str(), 0) == 0;
}

std::string line_with_history(std::string_view line, const JobRecord& job, base::Timestamp queued_at,
                              const std::string& line_id) {
    std::string text(line.substr(0, line.find_last_not_of(" \t\r") + 1));
    std::string history;
    if (needs_job_id(job) && !line_id.empty())
        history += fmt::format(" {}={}", k_job_id, line_id);
    if (!job.since)
        history += " since=" + base::format_time(queued_at);
    return text.size() + history.size() <= k_max_line_bytes ? text + history : text;
}

/// A claimed file, and whether something in it stays.
struct HandOut::OpenFile {
    std::shared_ptr<ClaimedFile> claimed;
    bool lines_stay = false;
};

HandOut::HandOut(const Spool& spool, Selection selection, BatchLimits limits, BadLine bad_line)
    : m_spool(&spool),
      m_selection(std::move(selection)),
      m_limits(limits),
      m_bad_line(std::move(bad_line)),
      m_names(spool.queue_files({std::begin(k_keywords), std::end(k_keywords)})),
      m_worked_off(spool) {}

const std::string& HandOut::name_of_file(const Job& job) {
    return job.file->claimed->name();
}

bool HandOut::still_stands(const Job& job) {
    return job.file->claimed->still_reads(job.mark);
}

bool HandOut::next() {
    m_batch = {};
    while (!is_full() && (m_current || open_next_file()))
        read_line();
    return !m_batch.jobs.empty();
}

bool HandOut::is_full() const {
    return m_batch.jobs.size() >= m_limits.jobs || m_batch.text.size() >= m_limits.text_bytes ||
           m_batch.read_to_end.size() >= m_limits.queue_files;
}

bool HandOut::open_next_file() {
    while (m_jobs_left > 0 && m_next_name < m_names.size()) {
        const std::string& name = m_names[m_next_name];
        const Priority priority = priority_of(name);
        if (!m_batch.jobs.empty() && m_limits.priorities == Priorities::apart && priority != m_batch.priority)
            return false;
        ++m_next_name;
        if (std::shared_ptr<ClaimedFile> claimed = ClaimedFile::claim(*m_spool, name)) {
            m_current = std::make_shared<OpenFile>(OpenFile{std::move(claimed), false});
            return true;
        }
        if (base::status_at(m_spool->fd(), name))
            ++m_busy_files;
    }
    return false;
}

/// Of the current file.
void HandOut::read_line() {
    const std::optional<RawLine> line = m_current->claimed->next();
    const bool is_live = line && classify(line->text).kind != LineKind::nothing;
    if (is_live && m_jobs_left > 0)
        return take_line(*line);
    if (line && !is_live)
        return;
    if (is_live) // the rest of this file is for another time
        m_current->lines_stay = true;
    m_batch.read_to_end.push_back(std::exchange(m_current, nullptr));
    if (m_batch.jobs.empty())
        set_aside_worked_off();
}

void HandOut::take_line(const RawLine& line) {
    const LineClass line_class = classify(line.text);
    if (line_class.kind == LineKind::job && line_class.keyword != m_selection.keyword) {
        m_current->lines_stay = true;
        return;
    }
    try {
        // Any node's name will do: who takes a job out, or a policy, may be about to change it.
        const JobRecord job = parse_job(line.text, {m_current->claimed->path(), line.number}, nullptr);
        if (!m_selection.wants(job, m_spool->clock().now())) {
            m_current->lines_stay = true;
            return;
        }
        const std::string text = line_with_history(line.text, job, m_current->claimed->queued_at(),
                                                   m_current->claimed->line_id(mark_of(line)));
        m_batch.jobs.push_back({m_current, mark_of(line), m_batch.text.size(), text.size()});
        m_batch.text += text + '\n';
        m_batch.priority = priority_of(m_current->claimed->name());
        --m_jobs_left;
    } catch (const JobError& error) {
        m_current->lines_stay = true;
        m_bad_line(error.what());
    }
}

/// Calls @p action with each run of jobs that are from one file, and their marks.
template <typename Action>
void HandOut::for_each_file(Action action) const {
    std::vector<LineMark> marks;
    for (auto begin = m_batch.jobs.begin(); begin != m_batch.jobs.end();) {
        const auto end =
            std::find_if(begin, m_batch.jobs.end(), [&](const Job& job) { return job.file != begin->file; });
        marks.clear();
        std::transform(begin, end, std::back_inserter(marks), [](const Job& job) { return job.mark; });
        action(*begin->file, marks);
        begin = end;
    }
}

std::size_t HandOut::drop_changed() {
    std::vector<bool> stands;
    for_each_file([&](OpenFile& file, const std::vector<LineMark>& marks) {
        const std::vector<bool> of_file = file.claimed->still_read(marks);
        if (std::find(of_file.begin(), of_file.end(), false) != of_file.end())
            file.lines_stay = true;
        stands.insert(stands.end(), of_file.begin(), of_file.end());
    });
    auto is_standing = stands.begin();
    return std::erase_if(m_batch.jobs, [&](const Job&) { return !*is_standing++; });
}

std::size_t HandOut::tick_off() {
    std::size_t let_go = 0;
    for_each_file([&](OpenFile& file, const std::vector<LineMark>& marks) {
        const std::vector<Tick> ticks = file.claimed->tick(marks);
        const auto left = std::count(ticks.begin(), ticks.end(), Tick::let_go);
        file.lines_stay = file.lines_stay || left > 0;
        let_go += static_cast<std::size_t>(left);
    });
    m_batch.jobs.clear();
    set_aside_worked_off();
    return let_go;
}

void HandOut::set_aside_worked_off() {
    for (const auto& file : m_batch.read_to_end)
        if (!file->lines_stay)
            m_worked_off.add(file->claimed);
    m_batch.read_to_end.clear();
}

} // namespace nodespool::queue
