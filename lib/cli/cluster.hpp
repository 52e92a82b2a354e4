// What a program does first: the cluster of this invocation, with the log going where it belongs.
#pragma once

#include "cli/config.hpp"
#include "cli/program.hpp"

namespace nodespool::cli {

/// load_config(), then the log to its target: errors and warnings only with -q, everything with -v.
Config open_cluster(const Invocation& invocation, Passwords passwords);

} // namespace nodespool::cli
