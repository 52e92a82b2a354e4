// What the processors need to know of the cluster they work for.
#pragma once

#include "base/checksum.hpp"
#include "node/config.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace nodespool::processor {

enum class KeepLocal { no, yes };

struct Cluster {
    std::string root;  ///< absolute
    std::string files; ///< the file space: absolute
    base::ChecksumKind checksum = base::ChecksumKind::sha256;
    KeepLocal keep_local = KeepLocal::no;
    unsigned release_at_copies = 1; ///< the local file is taken away when this many copies are recorded
    std::chrono::seconds quiet{
        10}; ///< how long a file must rest where the kernel cannot tell who writes to it
    std::vector<node::NodeConfig> nodes;
};

} // namespace nodespool::processor
