// Copies that failed transfers, duplicates and dead processes left on nodes: found in sending logs, removed
// from the nodes.
#pragma once

#include "catalog/catalog.hpp"
#include "node/config.hpp"
#include "node/session.hpp"
#include "processor/sending_log.hpp"
#include "queue/spool.hpp"

#include <string>
#include <vector>

namespace nodespool::processor {

/// Settles every open entry of @p own and of the logs of dead processes: a copy that its link file records
/// stays; any other is deleted on its node, or becomes a `remove` job where the node cannot be asked now.
/// @param interrupt  true: nodes are asked no more, the rest becomes jobs. After a crash in here the logs are
/// still there, and the next run does it again.
/// @throws base::Error  where a log of a dead process cannot be read or removed, after all others are settled
void settle_leftover_copies(const std::string& cluster_root, const std::vector<node::NodeConfig>& nodes,
                            const catalog::Catalog& catalog, const queue::Spool& spool, SendingLog& own,
                            const node::Interrupt& interrupt);

/// Takes what a failed transfer left from its node at once, over the session at hand; where that fails too,
/// the entry stays open for settle_leftover_copies(). @return false: the node could not be asked
bool discard_copy(node::Session& session, const std::string& name, SendingLog& log, SendingLog::Entry entry);

} // namespace nodespool::processor
