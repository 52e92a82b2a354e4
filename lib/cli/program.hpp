// A program's command line: what it accepts, its help, and run(), which has the one catch and the one exit.
//
//   int main(int argc, char** argv) {
//       cli::Command list;
//       list.synopsis = {"[-lqr] [-C DIR] [--json] [PATH ...]"};
//       list.common = {cli::Common::directory, cli::Common::quiet, cli::Common::json};
//       list.options.add_options()("long,l", "also print size, time and nodes");
//       list.operands = {"PATH", 0, cli::k_any_number};
//       list.body = [](const cli::Invocation& invocation, cli::ExitStatus& status) { ... };
//       return cli::run(argc, argv, {"list", "list the files of the cluster", {list}});
//   }
#pragma once

#include "cli/exit_status.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace nodespool::cli {

/// The options that mean the same in every program that takes them. -h, --help and --version are always
/// there.
enum class Common {
    directory, ///< -C DIR
    dry_run,   ///< -n, --dry-run
    verbose,   ///< -v, --verbose
    quiet,     ///< -q, --quiet
    json       ///< --json
};

enum class DryRun { no, yes };
enum class Verbosity { quiet, normal, verbose };
enum class OutputFormat { text, json };

/// What a command line said, already checked against what the command accepts.
struct Invocation {
    std::string program;   ///< "store"
    std::string directory; ///< of -C; empty: not given
    DryRun dry_run = DryRun::no;
    Verbosity verbosity = Verbosity::normal; ///< of -q and -v the last one counts
    OutputFormat format = OutputFormat::text;
    boost::program_options::variables_map options; ///< the command's own options, by long name
    std::vector<std::string> operands;             ///< as many as the command allows

    /// Was the own option (a switch or one with a value) given?
    [[nodiscard]] bool has(const std::string& option) const { return options.count(option) != 0; }
};

constexpr unsigned k_any_number = std::numeric_limits<unsigned>::max();

/// The arguments that are not options.
struct Operands {
    std::string name; ///< as in the synopsis: "FILE"
    unsigned least = 0;
    unsigned most = 0;
};

/// Does the work. What it throws becomes a message and an exit status; what it notes is the exit status.
using Body = std::function<void(const Invocation&, ExitStatus&)>;

/// A program's only command (name empty) or one of its subcommands.
struct Command {
    std::string name;                  ///< empty: the program has no subcommands
    std::string purpose;               ///< of a subcommand: one line for the help
    std::vector<std::string> synopsis; ///< what follows the names, one line a form; as in the man page
    std::vector<Common> common;        ///< the common options that do something here
    /// Own options. A switch has no value: options.add_options()("long,l", "explanation").
    /// Values: declare them as po::value<std::string>()->value_name("N") and read them with the functions of
    /// option_values.hpp, whose errors name the option and what was expected.
    boost::program_options::options_description options;
    Operands operands;
    Body body;
};

struct Program {
    std::string name;    ///< "store": messages begin with "nodespool-store: "
    std::string purpose; ///< one line: "store uploads on node servers"
    std::vector<Command> commands;
};

/// A whole program: parses the command line, prints help or version where asked, runs the command's body,
/// catches what it throws, checks that standard output was written, and returns the exit status. SIGPIPE is
/// ignored from here on: a closed pipe is a failed write (74, without a message).
int run(int argc, const char* const* argv, const Program& program);

/// The frame around run(), for a program whose command line is another's, as the dispatcher's: guards the
/// standard streams, catches what @p body throws, checks the output, returns the exit status. Messages begin
/// with @p name.
int run_framed(const std::string& name, const std::function<void(ExitStatus&)>& body);

/// The text of --help: usage lines as in the man page's SYNOPSIS, options, where to read on. @p command picks
/// one subcommand; empty: the whole program.
std::string help_text(const Program& program, const std::string& command);

/// "nodespool-store (nodespool) 0.1.0\n"
std::string version_text(const std::string& program);

} // namespace nodespool::cli
