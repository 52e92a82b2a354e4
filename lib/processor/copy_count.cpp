// Counting copies.
#include "processor/copy_count.hpp"

#include <algorithm>

namespace nodespool::processor {

std::size_t reachable_copies(const Cluster& cluster, const catalog::Link& link) {
    return static_cast<std::size_t>(
        std::count_if(link.servers.begin(), link.servers.end(), [&](const catalog::Copy& copy) {
            return std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                               [&](const node::NodeConfig& node) { return node.name == copy.node; });
        }));
}

} // namespace nodespool::processor
