// Counting copies.
#include "processor/copy_count.hpp"

#include <algorithm>

namespace nodespool::processor {

bool is_configured(const Cluster& cluster, const std::string& node) {
    return std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                       [&](const node::NodeConfig& config) { return config.name == node; });
}

bool counts_as_copy(const Cluster& cluster, const NodeMarks& marks, const std::string& node) {
    return is_configured(cluster, node) && marks.of(node) != Mark::draining;
}

std::size_t reachable_copies(const Cluster& cluster, const catalog::Link& link) {
    return static_cast<std::size_t>(
        std::count_if(link.servers.begin(), link.servers.end(),
                      [&](const catalog::Copy& copy) { return is_configured(cluster, copy.node); }));
}

} // namespace nodespool::processor
