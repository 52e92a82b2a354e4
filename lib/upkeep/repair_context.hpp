// What the two halves of repair share.
#pragma once

#include "base/file_system.hpp"
#include "catalog/catalog.hpp"
#include "upkeep/audit_looks.hpp"
#include "upkeep/repair.hpp"

namespace nodespool::upkeep {

struct RepairContext {
    const processor::Cluster& cluster;
    const RepairOptions& options;
    const catalog::Catalog& catalog;
    const queue::Spool& spool;
    NodeLooks& looks;
    RepairSummary& summary;

    [[nodiscard]] bool pretends() const { return options.intent == Intent::pretend; }

    void tell(const RepairOutcome& outcome) const {
        if (outcome.result == Repaired::lost || outcome.result == Repaired::kept ||
            outcome.result == Repaired::not_verified)
            summary.left = true;
        options.on_outcome(outcome);
    }
};

/// How many links are changed under one lock, and made durable together.
inline std::size_t repair_batch() {
    static const std::size_t most = base::within_open_file_limit(100, 3); // of descriptors, to each
    return most;
}

} // namespace nodespool::upkeep
