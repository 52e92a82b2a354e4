// Which of the copies that a link file records count.
#pragma once

#include "catalog/link.hpp"
#include "processor/cluster.hpp"

#include <cstddef>

namespace nodespool::processor {

/// Copies on nodes that the configuration knows: one on any other may be lost with it.
std::size_t reachable_copies(const Cluster& cluster, const catalog::Link& link);

} // namespace nodespool::processor
