// Lines on their way into the queue: resubmitted jobs, follow-up jobs and rejected lines, made durable in
// groups.
#pragma once

#include "queue/claimed_file.hpp"
#include "queue/spool.hpp"

#include <map>
#include <optional>
#include <string>

namespace nodespool::queue {

/// Why and until when a job goes back.
struct Resubmission {
    std::string reason; ///< for the person who reads the file
    base::Timestamp not_before;
    base::Timestamp queued_at; ///< becomes `since=` where the job has none yet
};

/// Collects lines; nothing is in the queue before commit(). One thread at a time.
class Outbox {
  public:
    explicit Outbox(const Spool& spool) : m_spool(&spool) {}

    /// The job once more: one attempt older, with its history, under a comment.
    void resubmit(JobRecord job, Priority priority, const Resubmission& why);
    /// A new job that follows from work done.
    void add(const JobRecord& job, Priority priority, std::string_view comment);
    /// A line that can never run: into `.queue/rejected/`, whole, under the reason.
    void reject(const ClaimedFile& file, const LineMark& line, std::string_view reason);
    void reject(std::string_view line, std::string_view reason);

    [[nodiscard]] bool is_empty() const { return m_files.empty() && !m_rejected; }
    /// Everything collected is durable after this, or it throws and nothing more of it is known to be.
    void commit();

  private:
    QueueFileWriter& file(Priority priority);
    QueueFileWriter& rejected_file(std::string_view reason);

    const Spool* m_spool;
    std::map<Priority, QueueFileWriter> m_files;
    std::optional<QueueFileWriter> m_rejected;
};

} // namespace nodespool::queue
