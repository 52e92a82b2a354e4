// What the programs last knew of each node's health, kept for people: `.state/health/NODE`. Nothing decides
// by it; losing it is harmless.
#pragma once

#include "base/timestamp.hpp"
#include "processor/node_health.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace nodespool::processor {

/// Format of the file:
///
///     state up|down|full|unwritable
///     since TIME
///     last-error TIME TEXT
///     last-success TIME
///     by PROGRAM
struct RecordedHealth {
    struct LastError {
        base::Timestamp time;
        std::string text; ///< of a NodeError: it never holds a password
    };

    NodeState state = NodeState::up;
    base::Timestamp since; ///< when it got into that state
    std::optional<LastError> last_error;
    std::optional<base::Timestamp> last_success;
    std::string program; ///< who recorded it last: "store", "nodes"
};

using RecordedHealths = std::map<std::string, RecordedHealth, std::less<>>;

/// By node; one that nobody recorded is missing. A file that cannot be understood is logged and passed over.
RecordedHealths read_node_health(const std::string& cluster_root);

/// Replaces the node's file atomically. What @p seen does not say stays: the last error where it has none,
/// the last success where it has none, `since` where the state is the same. Never throws: what fails is
/// logged.
void record_node_health(const std::string& cluster_root, const std::string& node, RecordedHealth seen);

} // namespace nodespool::processor
