// Reading of a child's output with poll(2).
#include "base/child_output.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_call.hpp"

#include <poll.h>

#include <algorithm>
#include <array>

namespace nodespool::base {

namespace {

constexpr std::chrono::milliseconds k_end_patience{1000};

std::chrono::milliseconds left_until(MonotonicTime deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().monotonic());
    return std::max(left, std::chrono::milliseconds(0));
}

bool has_output_by(MonotonicTime deadline, int output) {
    pollfd pipe{output, POLLIN, 0};
    const int timeout_ms = static_cast<int>(left_until(deadline).count());
    const int ready = retry_eintr([&] { return ::poll(&pipe, 1, timeout_ms); });
    if (ready < 0)
        throw_errno("wait for a program");
    return ready > 0;
}

} // namespace

std::optional<ChildOutput> output_within(ChildProcess& child, std::size_t most_bytes,
                                         std::chrono::milliseconds patience) {
    const MonotonicTime deadline = system_clock().monotonic() + patience;
    child.close_input();
    ChildOutput output;
    std::array<char, 4096> block{};
    for (;;) {
        if (!has_output_by(deadline, child.output())) {
            child.end(k_end_patience);
            return std::nullopt;
        }
        const std::size_t got =
            read_some(child.output(), block.data(), block.size(), "the output of a program");
        if (got == 0)
            break;
        output.text.append(block.data(), std::min(got, most_bytes - output.text.size()));
    }
    // It closed its output; it may go on for the rest of its time.
    output.end = child.wait_or_end(left_until(deadline));
    if (system_clock().monotonic() >= deadline)
        return std::nullopt;
    return output;
}

} // namespace nodespool::base
