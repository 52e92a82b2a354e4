// queue retry.
#include "queue/retry.hpp"

#include "base/error.hpp"
#include "queue/outbox.hpp"

#include <chrono>

namespace nodespool::queue {

namespace {

constexpr std::chrono::milliseconds k_look_again{100};
constexpr std::size_t k_files_at_once = 256;

class Retry {
  public:
    Retry(const Spool& spool, const std::function<bool(const JobRecord&)>& wanted)
        : m_spool(&spool),
          m_wanted(&wanted) {}

    Retried run() {
        const std::vector<Keyword> all(std::begin(k_keywords), std::end(k_keywords));
        for (const std::string& name : m_spool->queue_files(all)) {
            if (const auto file = ClaimedFile::claim(*m_spool, name))
                retry_in(file);
            else
                ++m_retried.busy_files;
            if (m_worked_off.size() >= k_files_at_once)
                retire();
        }
        retire();
        return m_retried;
    }

  private:
    void retry_in(const std::shared_ptr<ClaimedFile>& file) {
        Outbox outbox(*m_spool);
        std::vector<LineMark> moved;
        std::string comment;
        bool lines_stay = false;
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
            outbox.add(*job, priority_of(file->name()), std::exchange(comment, {}));
            moved.push_back(mark_of(*line));
        }
        outbox.commit();
        for (const LineMark& line : moved)
            lines_stay = file->tick(line) == Tick::let_go || lines_stay;
        m_retried.jobs += moved.size();
        if (!moved.empty() && !lines_stay && !file->left_last_line() && file->set_aside())
            m_worked_off.push_back(file);
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

    void retire() {
        if (m_worked_off.empty())
            return;
        m_spool->clock().sleep_for(k_look_again);
        for (const auto& file : m_worked_off)
            file->retire();
        m_worked_off.clear();
    }

    const Spool* m_spool;
    const std::function<bool(const JobRecord&)>* m_wanted;
    std::vector<std::shared_ptr<ClaimedFile>> m_worked_off;
    Retried m_retried;
};

} // namespace

Retried retry_deferred(const Spool& spool, const std::function<bool(const JobRecord&)>& wanted) {
    return Retry(spool, wanted).run();
}

} // namespace nodespool::queue
