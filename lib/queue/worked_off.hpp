// Queue files without a live line on their way out: set aside at once, taken away after the second look.
#pragma once

#include "base/clock.hpp"
#include "queue/claimed_file.hpp"

#include <cstddef>
#include <deque>
#include <memory>

namespace nodespool::queue {

/// Collects them, and looks again at each once 100 ms have passed since its own rename, while others are
/// worked off: many files wait at the same time, and the last ones' wait is the only one that is sat out.
/// Destroyed before retire(), it still takes them away; what fails then is for the next run to settle.
class WorkedOff {
  public:
    /// @param most_waiting  each holds a descriptor; at so many, the oldest one's moment is waited for
    WorkedOff(const Spool& spool, std::size_t most_waiting);
    /// As many as the process may well have.
    explicit WorkedOff(const Spool& spool);
    WorkedOff(const WorkedOff&) = delete;
    WorkedOff& operator=(const WorkedOff&) = delete;
    ~WorkedOff();

    /// @p file was read to its end and no live line is left in it.
    void add(std::shared_ptr<ClaimedFile> file);
    /// It bears its set-aside name already: an earlier run gave it.
    void add_set_aside(std::shared_ptr<ClaimedFile> file);
    /// The second look at all that are left, each at its time.
    void retire();

  private:
    struct Waiting {
        base::MonotonicTime due;
        std::shared_ptr<ClaimedFile> file;
    };

    void retire_due();
    void wait_for_oldest();
    void retire_oldest();

    const Spool* m_spool;
    std::size_t m_most_waiting;
    std::deque<Waiting> m_waiting; ///< in the order of their times
};

/// Settles what an earlier run set aside (`.NAME.done`) and did not take away: unlinked when nothing in it is
/// live, else back in the queue. Called at the start of each processor.
void settle_set_aside_files(const Spool& spool);

} // namespace nodespool::queue
