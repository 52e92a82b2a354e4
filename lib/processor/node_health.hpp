// What a run has learned of a node: is it worth trying now?
#pragma once

#include "base/clock.hpp"
#include "node/session.hpp"

#include <chrono>
#include <string>

namespace nodespool::processor {

enum class NodeState {
    up,
    down,
    full,      ///< has room for no more; what it has can be read
    unwritable ///< its file system is read-only; what it has can be read
};

std::string_view to_string(NodeState state);

/// One node's health in one run. A node that is down is probed again by a single job after a while, 30 s
/// doubling to 5 min; one that is full or unwritable after 5 min. Not thread-safe: the scheduler guards it.
class NodeHealth {
  public:
    /// May a job be given to the node at @p now? For a node that is down, one job at a time once its rest is
    /// over.
    [[nodiscard]] bool is_usable(base::MonotonicTime now) const;
    /// Can it be read, although nothing can be put there? That it was read is no sign that this has changed.
    [[nodiscard]] bool is_read_only() const {
        return m_state == NodeState::full || m_state == NodeState::unwritable;
    }
    /// May a copy be read from it?
    [[nodiscard]] bool is_readable(base::MonotonicTime now) const { return is_read_only() || is_usable(now); }
    /// A job was given to the node.
    void given(base::MonotonicTime now);
    /// That job ended without having tried the node.
    void not_tried() { m_probing = false; }
    void succeeded();
    /// @return true where the node is no longer usable because of this failure
    bool failed(node::Failure failure, const std::string& reason, base::MonotonicTime now);

    [[nodiscard]] NodeState state() const { return m_state; }
    [[nodiscard]] const std::string& reason() const { return m_reason; }

  private:
    void take_down(base::MonotonicTime now);

    NodeState m_state = NodeState::up;
    std::string m_reason;
    unsigned m_failures_in_a_row = 0;
    bool m_probing = false;
    std::chrono::seconds m_rest{30};
    base::MonotonicTime m_probe_at;
};

} // namespace nodespool::processor
