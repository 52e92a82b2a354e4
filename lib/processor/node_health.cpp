// Up, down, full.
#include "processor/node_health.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

/// A node that lets so many transfers in a row stall or break costs more than it is worth: taken for down.
constexpr unsigned k_failures_that_count = 3;
constexpr std::chrono::seconds k_longest_rest{300};
/// Somebody has to make room first, or to mend the disk.
constexpr std::chrono::seconds k_read_only_rest{300};

} // namespace

std::string_view to_string(NodeState state) {
    switch (state) {
    case NodeState::up:
        return "up";
    case NodeState::down:
        return "down";
    case NodeState::full:
        return "full";
    case NodeState::unwritable:
        return "unwritable";
    }
    return "";
}

bool NodeHealth::is_usable(base::MonotonicTime now) const {
    switch (m_state) {
    case NodeState::up:
        return true;
    case NodeState::down:
    case NodeState::full:
    case NodeState::unwritable:
        return !m_probing && now >= m_probe_at;
    }
    return false;
}

void NodeHealth::given(base::MonotonicTime now) {
    if (m_state != NodeState::up && now >= m_probe_at)
        m_probing = true;
}

void NodeHealth::succeeded() {
    m_failures_in_a_row = 0;
    // Of a full or unwritable node only the probe's success counts: what was under way when it filled up
    // proves nothing.
    if (m_state == NodeState::down || m_probing)
        *this = NodeHealth();
}

bool NodeHealth::failed(node::Failure failure, const std::string& reason, base::MonotonicTime now) {
    m_reason = reason;
    switch (failure) {
    case node::Failure::node_down:
        take_down(now);
        m_state = NodeState::down; // also a full one: it cannot be read either
        return true;
    case node::Failure::node_full:
    case node::Failure::node_unwritable:
        m_state = failure == node::Failure::node_full ? NodeState::full : NodeState::unwritable;
        m_probing = false;
        m_probe_at = now + k_read_only_rest;
        return true;
    case node::Failure::temporary:
        if (++m_failures_in_a_row < k_failures_that_count && m_state == NodeState::up)
            return false;
        take_down(now);
        return true;
    case node::Failure::permanent:
        m_failures_in_a_row = 0; // it answered
        m_probing = false;
        return false;
    }
    return false;
}

void NodeHealth::take_down(base::MonotonicTime now) {
    if (m_state == NodeState::down && m_probing)
        m_rest = std::min(m_rest * 2, k_longest_rest);
    if (!is_read_only())
        m_state = NodeState::down;
    m_probing = false;
    m_probe_at = now + m_rest;
}

} // namespace nodespool::processor
