// Halving and growing.
#include "processor/connection_limit.hpp"

#include <algorithm>

namespace nodespool::processor {

bool ConnectionLimit::succeeded(base::MonotonicTime now) {
    if (m_allowed >= m_most)
        return false;
    ++m_successes;
    if (m_successes < k_successes && now - m_changed < k_interval)
        return false;
    ++m_allowed;
    count_anew(now);
    return true;
}

bool ConnectionLimit::refused(unsigned open, unsigned working, base::MonotonicTime now) {
    if (open <= 1)
        return false;
    // Lanes that asked at the same time are refused together: that is one refusal.
    if (open <= m_allowed)
        m_allowed = std::max({1U, std::min(working, open - 1), std::min(m_allowed, open) / 2});
    count_anew(now);
    return true;
}

void ConnectionLimit::count_anew(base::MonotonicTime now) {
    m_successes = 0;
    m_changed = now;
}

} // namespace nodespool::processor
