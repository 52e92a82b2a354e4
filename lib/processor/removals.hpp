// Copies that are no longer wanted: their `gone` lines in link files, and the `remove` jobs that follow from
// them.
#pragma once

#include "catalog/catalog.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nodespool::processor {

/// A link under lock whose `gone` lines are durable.
struct WithGoneCopies {
    catalog::Link link;
    std::uint64_t gone_size_bytes = 0; ///< of the version that they belonged to, where it is known
};

/// First the `remove` jobs of all gone copies, durably; then the link files without the `gone` lines. The
/// links must be those of @p batch, which holds their locks, as its last commit() left them. Whoever finds
/// `gone` lines in a link under its lock calls this: a run that died before it did leaves them.
void queue_removals(catalog::LinkBatch& batch, const queue::Spool& spool,
                    const std::vector<WithGoneCopies>& links);

} // namespace nodespool::processor
