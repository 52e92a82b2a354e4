// check: compares what nodes hold with what the cluster server knows, and tells every difference.
#pragma once

#include "processor/cluster.hpp"
#include "upkeep/audit_finding.hpp"
#include "upkeep/audit_looks.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace nodespool::upkeep {

struct AuditOptions {
    /// Of nodes only: findings of nodes only. Empty: all nodes, and findings of files.
    std::vector<std::string> nodes;
    /// Files and directories of the catalogue: their copies are looked at one by one; no node is listed, so
    /// no orphans. Empty: everything.
    std::vector<std::string> paths;
    ReadBack read_back = ReadBack::no;
    /// A `gone` line or a lack of copies that is younger belongs to a processor that is at work.
    std::chrono::milliseconds settle{1000};
    /// One call at a time, from any thread.
    std::function<void(const Finding&)> on_finding;
};

/// Why findings may be lacking; each was logged.
struct AuditSummary {
    bool nodes_failed = false; ///< a node did not answer, or not completely: nothing is known of it
    bool unreadable = false;   ///< something on the cluster server could not be read
};

/// Reads only, takes no lock, and runs beside processors: what looks wrong in one look at everything is
/// looked at once more, at its node and at its link file, before it is a finding. Memory does not grow with
/// the number of files.
AuditSummary audit(const processor::Cluster& cluster, const AuditOptions& options);

} // namespace nodespool::upkeep
