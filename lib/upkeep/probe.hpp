// Trying out a node: log in, write, read back, compare and delete a small file.
#pragma once

#include "base/clock.hpp"
#include "node/session.hpp"
#include "processor/node_state.hpp"
#include "processor/sending_log.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::upkeep {

/// May the probe write to the node? One that is marked read-only is only logged in to.
enum class ProbeWrites { no, yes };

struct ProbeStep {
    std::string_view name; ///< "login", "write", "read", "delete"
    std::chrono::duration<double, std::milli> took{};
};

struct Probed {
    std::vector<ProbeStep> steps; ///< those that succeeded, in their order
    std::vector<std::string> features;
    std::optional<node::Failure> failure; ///< nullopt: all is well
    std::string error;                    ///< of the step that failed; it never holds a password
};

/// The file has a name that is used once, and stands in @p log from before it is written until it is known to
/// be gone: what a probe leaves that was killed, or that could not delete it, the next processor's run
/// removes. @throws node::Interrupted, and base::Error where the cluster server itself is at fault
Probed probe_node(const node::NodeConfig& config, ProbeWrites writes, processor::SendingLog& log,
                  const base::Clock& clock, const node::Interrupt& interrupt = {});

/// What the probe tells of the node's health, for record_node_health(). A node that answered and refused is
/// up.
processor::RecordedHealth health_of(const Probed& probed, base::Timestamp now);

} // namespace nodespool::upkeep
