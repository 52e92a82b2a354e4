// The second look: what waits a moment after its commit, so that nothing written at the last moment is lost.
#pragma once

#include "base/clock.hpp"
#include "processor/work.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nodespool::processor {

/// A thread of its own: to take files away costs the disk as much as to record them, and the next group need
/// not wait for it.
class SecondLook {
  public:
    /// @param delay  between add() and Work::release()
    /// @param released  takes each group back, with its outcomes; called in this thread
    SecondLook(Work& work, const base::Clock& clock, std::chrono::milliseconds delay,
               std::function<void(std::vector<JobPtr>)> released);
    SecondLook(const SecondLook&) = delete;
    SecondLook& operator=(const SecondLook&) = delete;
    /// Only when every group has come back.
    ~SecondLook();

    void add(std::vector<JobPtr> group);

  private:
    struct Waiting {
        base::MonotonicTime due;
        std::vector<JobPtr> jobs;
    };

    void run();
    void release(std::vector<JobPtr> group);

    Work* m_work;
    const base::Clock* m_clock;
    std::chrono::milliseconds m_delay;
    std::function<void(std::vector<JobPtr>)> m_released;

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Waiting> m_waiting; ///< in the order of their times
    bool m_closing = false;
    std::thread m_thread;
};

} // namespace nodespool::processor
