// What queue list, queue show and queue status print.
#pragma once

#include "cli/config.hpp"
#include "cli/program.hpp"

namespace nodespool::queue_program {

void list(const cli::Invocation& invocation, cli::ExitStatus& status);
void show(const cli::Invocation& invocation, cli::ExitStatus& status);
void status(const cli::Invocation& invocation, cli::ExitStatus& exit_status);

} // namespace nodespool::queue_program
