// From the configuration that a program read to the cluster that it works on.
#pragma once

#include "cli/cluster.hpp"
#include "processor/cluster.hpp"

namespace nodespool::program {

processor::Cluster cluster_of(const cli::Config& config);

/// cli::open_cluster() and cluster_of(), for those who need nothing else of the configuration.
processor::Cluster open_cluster(const cli::Invocation& invocation, cli::Passwords passwords);

} // namespace nodespool::program
