// queue retry.
#include "queue/retry.hpp"

#include "base/error.hpp"
#include "queue/outbox.hpp"
#include "queue/worked_off.hpp"

namespace nodespool::queue {

namespace {

/// So many jobs become due together; what is remembered of them is in memory.
constexpr std::size_t k_jobs_in_a_group = 65536;

class Retry {
  public:
    Retry(const Spool& spool, const std::function<bool(const JobRecord&)>& wanted)
        : m_spool(&spool),
          m_wanted(&wanted),
          m_worked_off(spool) {}

    Retried run() {
        const std::vector<Keyword> all(std::begin(k_keywords), std::end(k_keywords));
        for (const std::string& name : m_spool->queue_files(all)) {
            if (const auto file = ClaimedFile::claim(*m_spool, name))
                retry_in(file);
            else if (base::status_at(m_spool->fd(), name))
                ++m_retried.busy_files;
        }
        m_worked_off.retire();
        return m_retried;
    }

  private:
    void retry_in(const std::shared_ptr<ClaimedFile>& file) {
        Outbox outbox(*m_spool);
        std::vector<LineMark> moved;
        std::string comment;
        bool lines_stay = false;
        bool any_moved = false;
        const base::Timestamp now = m_spool->clock().now();
        while (const std::optional<RawLine> line = file->next()) {
            if (classify(line->text).kind == LineKind::nothing) {
                const std::size_t start = line->text.find_first_not_of("# ");
                comment = start == std::string_view::npos ? "" : line->text.substr(start);
                continue;
            }
            std::optional<JobRecord> job = deferred_job(*line, now);
            if (!job) {
                lines_stay = true;
                comment.clear();
                continue;
            }
            job->drop_attribute("not-before");
            give_job_id(*job, file->line_id(mark_of(*line)));
            outbox.add(*job, priority_of(file->name()), std::exchange(comment, {}));
            moved.push_back(mark_of(*line));
            any_moved = true;
            if (moved.size() >= k_jobs_in_a_group)
                lines_stay = move(*file, outbox, moved) || lines_stay;
        }
        lines_stay = move(*file, outbox, moved) || lines_stay;
        if (any_moved && !lines_stay)
            m_worked_off.add(file);
    }

    /// @return does one of the old lines stay, because somebody changed it?
    bool move(ClaimedFile& file, Outbox& outbox, std::vector<LineMark>& moved) {
        outbox.commit();
        bool lines_stay = false;
        for (const LineMark& line : moved)
            lines_stay = file.tick(line) == Tick::let_go || lines_stay;
        m_retried.jobs += moved.size();
        moved.clear();
        return lines_stay;
    }

    [[nodiscard]] std::optional<JobRecord> deferred_job(const RawLine& line, base::Timestamp now) const {
        try {
            JobRecord job = parse_job(line.text, {}, nullptr);
            if (job.not_before && *job.not_before > now && (*m_wanted)(job))
                return job;
        } catch (const JobError&) {
            // Its processor rejects it.
        }
        return std::nullopt;
    }

    const Spool* m_spool;
    const std::function<bool(const JobRecord&)>* m_wanted;
    WorkedOff m_worked_off;
    Retried m_retried;
};

} // namespace

Retried retry_deferred(const Spool& spool, const std::function<bool(const JobRecord&)>& wanted) {
    return Retry(spool, wanted).run();
}

} // namespace nodespool::queue
