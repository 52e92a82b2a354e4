// The bodies of the commands of queue.
#pragma once

#include "cli/program.hpp"

namespace nodespool::queue_program {

// Into the queue, and within it: add_retry.cpp
void add(const cli::Invocation& invocation, cli::ExitStatus& status);
void retry(const cli::Invocation& invocation, cli::ExitStatus& status);

// Out of the queue, and through a program: take_filter.cpp
void take(const cli::Invocation& invocation, cli::ExitStatus& status);
void filter(const cli::Invocation& invocation, cli::ExitStatus& status);

// Out of circulation: hold.cpp, rejected.cpp
void hold(const cli::Invocation& invocation, cli::ExitStatus& status);
void release(const cli::Invocation& invocation, cli::ExitStatus& status);
void rejected(const cli::Invocation& invocation, cli::ExitStatus& status);

// Looking: list_show.cpp, status.cpp
void list(const cli::Invocation& invocation, cli::ExitStatus& status);
void show(const cli::Invocation& invocation, cli::ExitStatus& status);
void status(const cli::Invocation& invocation, cli::ExitStatus& exit_status);

} // namespace nodespool::queue_program
