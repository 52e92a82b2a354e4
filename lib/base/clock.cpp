// The kernel's clocks behind the clock seam.
#include "base/clock.hpp"

#include <ctime>
#include <thread>

namespace nodespool::base {

namespace {

class SystemClock final : public Clock {
  public:
    [[nodiscard]] Timestamp now() const override {
        timespec time{};
        clock_gettime(CLOCK_REALTIME, &time);
        return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
    }
    [[nodiscard]] MonotonicTime monotonic() const override { return std::chrono::steady_clock::now(); }
    void sleep_for(std::chrono::milliseconds duration) const override {
        std::this_thread::sleep_for(duration);
    }
};

} // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

} // namespace nodespool::base
