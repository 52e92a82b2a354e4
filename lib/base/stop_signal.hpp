// A polite end: SIGTERM and SIGINT as a flag that running work looks at.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

namespace nodespool::base {

enum class Stop {
    no,
    finish, ///< first signal: start nothing new, finish what is under way
    now     ///< second signal: break off; what was under way is found again by the next run
};

/// Takes SIGTERM and SIGINT for the life of the object. Constructed before any other thread starts, so that
/// every thread inherits the blocked signals and one of its own waits for them.
class StopSignal {
  public:
    StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;
    ~StopSignal();

    [[nodiscard]] Stop state() const { return m_state.load(); }
    /// @p on_change is called in the waiting thread after each change; an empty one: nobody is told any more.
    /// When this returns, the one before is not running.
    void tell(std::function<void()> on_change);

  private:
    void wait_for_signals();

    std::mutex m_mutex;
    std::function<void()> m_on_change;
    std::atomic<Stop> m_state{Stop::no};
    std::atomic<bool> m_done{false};
    std::thread m_thread;
};

} // namespace nodespool::base
