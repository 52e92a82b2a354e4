// The jobs that are in the air: how many, one at a time for each path, and those that come back to be looked
// at again.
#pragma once

#include "base/clock.hpp"
#include "processor/job.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace nodespool::processor {

/// Thread-safe. A second job for a path waits here until the first has ended: in most cases it then has
/// nothing left to do.
class Flights {
  public:
    /// Registers the job. Returns it where it may start now; else it waits for its path.
    JobPtr begin(JobPtr job);
    /// The job has ended; the next for its path, if any, comes back through next_again().
    void end(const Job& job);
    /// The job must be looked at again; it keeps its place.
    void look_again(JobPtr job);
    void file_opened();
    void file_finished();
    /// Wakes the waiting feeder to look around.
    void nudge();

    /// For the feeder: a job to look at (again), if there is one.
    JobPtr next_again();
    /// For the feeder: waits until there is a job to look at again, the condition holds, a nudge, or, while
    /// jobs are in the air, until @p longest has passed.
    template <typename Condition>
    void wait(Condition condition, std::chrono::milliseconds longest) {
        std::unique_lock lock(m_mutex);
        const auto is_over = [&] {
            return m_nudged || !m_again.empty() || condition(m_in_flight, m_open_files);
        };
        if (m_in_flight > 0)
            m_changed.wait_for(lock, longest, is_over);
        else
            m_changed.wait(lock, is_over);
        m_nudged = false;
    }

    [[nodiscard]] std::size_t in_flight();
    [[nodiscard]] std::size_t open_files();

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::unordered_map<std::string, std::deque<JobPtr>>
        m_by_path; ///< paths with a job in the air, and who waits for it
    std::deque<JobPtr> m_again;
    std::size_t m_in_flight = 0;
    std::size_t m_open_files = 0;
    bool m_nudged = false;
};

} // namespace nodespool::processor
