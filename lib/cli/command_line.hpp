// From argv to an Invocation: private to run() and its tests.
#pragma once

#include "cli/program.hpp"

#include <string>
#include <vector>

namespace nodespool::cli {

enum class Request { run, help, version };

/// What a command line asks for.
struct CommandLine {
    Request request = Request::run;
    const Command* command = nullptr; ///< null: help or version of a program with subcommands
    Invocation invocation;
};

/// @param arguments without argv[0]
/// @throws base::Error usage
CommandLine parse_command_line(const Program& program, const std::vector<std::string>& arguments);

/// The index of a subcommand's name; arguments.size() (or more) where there is none. What may stand before it
/// are common options, of which only -C has a value, and `--`.
std::size_t find_command(const std::vector<std::string>& arguments);

/// The options that @p command takes, own and common, -h, --help and --version included.
boost::program_options::options_description all_options(const Command& command);

/// The common options alone, with -h, --help and --version.
boost::program_options::options_description common_options(const std::vector<Common>& common);

} // namespace nodespool::cli
