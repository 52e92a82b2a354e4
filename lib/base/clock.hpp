// The clock seam: production reads the kernel's clocks, tests set the time by hand and never sleep.
#pragma once

#include "base/timestamp.hpp"

#include <chrono>

namespace nodespool::base {

using MonotonicTime = std::chrono::steady_clock::time_point;

class Clock {
  public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;
    /// Wall-clock time: comparable with file times and with `not-before`.
    [[nodiscard]] virtual Timestamp now() const = 0;
    /// For intervals inside one run; never steps back.
    [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
    virtual void sleep_for(std::chrono::milliseconds duration) const = 0;
};

/// The clocks of the kernel.
const Clock& system_clock();

} // namespace nodespool::base
