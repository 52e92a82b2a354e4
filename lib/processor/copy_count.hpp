// Which of the copies that a link file records count.
#pragma once

#include "catalog/link.hpp"
#include "processor/cluster.hpp"
#include "processor/node_marks.hpp"

#include <cstddef>
#include <string>

namespace nodespool::processor {

[[nodiscard]] bool is_configured(const Cluster& cluster, const std::string& node);

/// Does a copy on @p node count where `copies=N` are asked for? Not on one that is being drained, nor on one
/// that the configuration does not know.
[[nodiscard]] bool counts_as_copy(const Cluster& cluster, const NodeMarks& marks, const std::string& node);

/// Copies on nodes that the configuration knows: one on any other may be lost with it.
std::size_t reachable_copies(const Cluster& cluster, const catalog::Link& link);

} // namespace nodespool::processor
