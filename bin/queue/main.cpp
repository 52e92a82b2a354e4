// queue: looks at the queue and changes it by hand.
#include "cli/command_line.hpp"
#include "cli/program.hpp"
#include "commands.hpp"

#include <boost/program_options/value_semantic.hpp>

namespace {

using namespace nodespool;
namespace po = boost::program_options;
using cli::Common;

const std::vector<Common> k_looking = {Common::directory, Common::json};
const std::vector<Common> k_changing = {Common::directory, Common::dry_run, Common::verbose, Common::quiet,
                                        Common::json};

cli::Command command(const std::string& name, const std::string& purpose, const std::string& synopsis,
                     const std::vector<Common>& common, cli::Operands operands, cli::Body body) {
    cli::Command command;
    command.name = name;
    command.purpose = purpose;
    command.synopsis = {synopsis};
    command.common = common;
    command.operands = std::move(operands);
    command.body = std::move(body);
    return command;
}

cli::Command add_command() {
    cli::Command add =
        command("add", "queue the jobs that stand on standard input, a line each",
                "[-nqv] [-C DIR] [--first | --last] [--json]", k_changing, {}, queue_program::add);
    add.options.add_options()("first", "before all others")("last", "after all others");
    return add;
}

cli::Command take_command() {
    cli::Command take = command("take", "print due jobs and take them out of the queue",
                                "[-nqv] [-C DIR] [--all] [--max-jobs N] [--json] KEYWORD [GLOB]", k_changing,
                                {"KEYWORD", 1, 2}, queue_program::take);
    take.options.add_options()("all", "deferred jobs, too")(
        "max-jobs", po::value<std::string>()->value_name("N"), "at most N jobs");
    return take;
}

cli::Command filter_command() {
    cli::Command filter =
        command("filter", "give due jobs to a program, and queue what it writes in their place",
                "[-nqv] [-C DIR] [--all] [--may-drop] [--json] KEYWORD COMMAND [ARGUMENT ...]", k_changing,
                {"KEYWORD and COMMAND", 2, cli::k_any_number}, queue_program::filter);
    filter.options.add_options()("all", "deferred jobs, too")("may-drop", "COMMAND may leave out jobs");
    return filter;
}

cli::Command rejected_command() {
    cli::Command rejected =
        command("rejected", "print rejected lines, or check them again and queue the good ones",
                "[-nqv] [-C DIR] [--requeue] [--json] [QUEUEFILE ...]", k_changing,
                {"QUEUEFILE", 0, cli::k_any_number}, queue_program::rejected);
    rejected.options.add_options()("requeue", "check again, and queue what is good now");
    return rejected;
}

/// What follows COMMAND in `filter KEYWORD COMMAND -x` is for the command: a "--" before it tells the parser.
std::vector<std::string> with_options_ended(std::vector<std::string> arguments) {
    std::size_t at = cli::find_command(arguments);
    if (at >= arguments.size() || arguments[at] != "filter")
        return arguments;
    for (int operand = 0; operand < 2; ++operand) { // KEYWORD, COMMAND
        const std::size_t from = at + 1;
        at = from +
             cli::find_command({arguments.begin() + static_cast<std::ptrdiff_t>(from), arguments.end()});
        if (at >= arguments.size() || (at > from && arguments[at - 1] == "--"))
            return arguments;
    }
    arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(at), "--");
    return arguments;
}

} // namespace

int main(int argc, char** argv) {
    cli::Program program{"queue", "look at the queue, and change it", {}};
    program.commands.push_back(add_command());
    program.commands.push_back(take_command());
    program.commands.push_back(filter_command());
    program.commands.push_back(command("list", "print every job in the queue",
                                       "[-C DIR] [--json] [KEYWORD ...]", k_looking,
                                       {"KEYWORD", 0, cli::k_any_number}, queue_program::list));
    program.commands.push_back(command("show", "print what the queue knows of one file",
                                       "[-C DIR] [--json] FILE", k_looking, {"FILE", 1, 1},
                                       queue_program::show));
    program.commands.push_back(command("status", "count jobs by keyword and state, and tell how nodes are",
                                       "[-C DIR] [--json]", k_looking, {}, queue_program::status));
    program.commands.push_back(command("retry", "make deferred jobs due now",
                                       "[-nqv] [-C DIR] [--json] [FILE ...]", k_changing,
                                       {"FILE", 0, cli::k_any_number}, queue_program::retry));
    program.commands.push_back(command("hold", "take queue files out of circulation",
                                       "[-nqv] [-C DIR] [--json] QUEUEFILE ...", k_changing,
                                       {"QUEUEFILE", 1, cli::k_any_number}, queue_program::hold));
    program.commands.push_back(command("release", "put held queue files back",
                                       "[-nqv] [-C DIR] [--json] QUEUEFILE ...", k_changing,
                                       {"QUEUEFILE", 1, cli::k_any_number}, queue_program::release));
    program.commands.push_back(rejected_command());

    const std::vector<std::string> arguments =
        with_options_ended(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    std::vector<const char*> pointers = {"queue"};
    for (const std::string& argument : arguments)
        pointers.push_back(argument.c_str());
    return cli::run(static_cast<int>(pointers.size()), pointers.data(), program);
}
