// Spreading bytes over time.
#include "processor/rate_limit.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

constexpr std::chrono::milliseconds k_burst{250};

} // namespace

RateLimit::RateLimit(std::optional<std::uint64_t> bytes_per_second, const base::Clock& clock)
    : m_rate(bytes_per_second),
      m_clock(&clock),
      m_due(clock.monotonic()) {}

std::size_t RateLimit::portion(std::size_t wanted) const {
    if (!m_rate)
        return wanted;
    return std::clamp<std::size_t>(static_cast<std::size_t>(*m_rate / 10), 1, wanted);
}

void RateLimit::spend(std::size_t bytes) {
    if (!m_rate)
        return;
    base::MonotonicTime due;
    {
        const std::scoped_lock lock(m_mutex);
        const base::MonotonicTime now = m_clock->monotonic();
        m_due = std::max(m_due, now - k_burst) +
                std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(bytes) /
                                                                   static_cast<double>(*m_rate)));
        due = m_due;
    }
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(due - m_clock->monotonic());
    if (wait.count() > 0)
        m_clock->sleep_for(wait);
}

} // namespace nodespool::processor
