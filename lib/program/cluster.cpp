// The one place where a configuration becomes a cluster.
#include "program/cluster.hpp"

namespace nodespool::program {

processor::Cluster cluster_of(const cli::Config& config) {
    return {config.root,
            config.files,
            config.checksum,
            config.keep_local == cli::KeepLocal::yes ? processor::KeepLocal::yes : processor::KeepLocal::no,
            config.release_at_copies,
            config.quiet,
            config.nodes};
}

processor::Cluster open_cluster(const cli::Invocation& invocation, cli::Passwords passwords) {
    return cluster_of(cli::open_cluster(invocation, passwords));
}

} // namespace nodespool::program
