// The table of nodes: state, mark, last error, and what lies on each.
#pragma once

#include "cli/exit_status.hpp"
#include "cli/program.hpp"

namespace nodespool::nodes_program {

void list(const cli::Invocation& invocation, cli::ExitStatus& status);

} // namespace nodespool::nodes_program
