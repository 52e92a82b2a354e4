// How many connections a node gets just now: fewer while it refuses more, growing back as it works.
#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace nodespool::processor {

/// Between 1 and the `connections` of the configuration. Halved when the node refuses one more (but never
/// below what works there), one more after 100 successes or 30 s with any. Not thread-safe: the scheduler
/// guards it.
class ConnectionLimit {
  public:
    static constexpr unsigned k_successes = 100;
    static constexpr std::chrono::seconds k_interval{30};

    explicit ConnectionLimit(unsigned most) : m_most(most), m_allowed(most) {}

    [[nodiscard]] unsigned allowed() const { return m_allowed; }
    /// @return true: it allows one more from now on
    bool succeeded(base::MonotonicTime now);
    /// @param open  connections of this run, the refused one included
    /// @param working  those of them that have done something
    /// @return false: there is no other one, so that the node serves this run not at all
    bool refused(unsigned open, unsigned working, base::MonotonicTime now);

  private:
    void count_anew(base::MonotonicTime now);

    unsigned m_most;
    unsigned m_allowed;
    unsigned m_successes = 0;
    base::MonotonicTime m_changed;
};

} // namespace nodespool::processor
