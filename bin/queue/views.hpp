// What queue list, queue show and queue status print.
#pragma once

#include "cli/config.hpp"
#include "cli/program.hpp"

#include <string>
#include <vector>

namespace nodespool::queue_program {

void list(const cli::Invocation& invocation, cli::ExitStatus& status);
void show(const cli::Invocation& invocation, cli::ExitStatus& status);
void status(const cli::Invocation& invocation, cli::ExitStatus& exit_status);

/// What queue retry would make due: deferred jobs, of @p paths only where there are any.
void show_deferred(const cli::Invocation& invocation, const cli::Config& config,
                   const std::vector<std::string>& paths, cli::ExitStatus& status);

} // namespace nodespool::queue_program
