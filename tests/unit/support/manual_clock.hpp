// A clock that stands still until a test moves it.
#pragma once

#include "base/clock.hpp"

namespace nodespool::test {

class ManualMonotonicClock final : public base::Clock {
  public:
    [[nodiscard]] base::Timestamp now() const override { return {}; }
    [[nodiscard]] base::MonotonicTime monotonic() const override { return time; }
    void sleep_for(std::chrono::milliseconds) const override {}
    base::MonotonicTime time;
};

} // namespace nodespool::test
