// Command lines over Boost.Program_options: no guessing of prefixes, options before and after operands.
#include "cli/command_line.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>

#include <algorithm>
#include <set>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

[[noreturn]] void usage_error(const std::string& message) {
    throw base::Error(base::ErrorClass::usage, message);
}

bool asks(const std::vector<std::string>& arguments, std::string_view short_name,
          std::string_view long_name) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
        return argument == short_name || argument == long_name;
    });
}

std::string names_of(const std::vector<Command>& commands) {
    std::string names;
    for (const Command& command : commands)
        names += (names.empty() ? "" : ", ") + command.name;
    return names;
}

const Command& command_named(const Program& program, const std::string& name) {
    for (const Command& command : program.commands)
        if (command.name == name)
            return command;
    usage_error("unknown command '" + base::printable(name) +
                "', expected one of: " + names_of(program.commands));
}

/// The option as it is typed; Boost writes those that have only a letter with two hyphens.
std::string typed_name(const po::error_with_option_name& error) {
    std::string name = error.get_option_name();
    if (name.size() == 3 && name.starts_with("--"))
        name.erase(0, 1);
    return base::printable(name);
}

po::parsed_options parse(const std::vector<std::string>& arguments, const po::options_description& accepted) {
    using namespace po::command_line_style;
    constexpr int style = unix_style & ~allow_guessing;
    try {
        return po::command_line_parser(arguments).options(accepted).style(style).run();
    } catch (const po::unknown_option& error) {
        usage_error("unknown option '" + typed_name(error) + "'");
    } catch (const po::invalid_command_line_syntax& error) {
        const std::string option = "option " + typed_name(error);
        switch (error.kind()) {
        case po::invalid_syntax::missing_parameter:
        case po::invalid_syntax::empty_adjacent_parameter:
            usage_error(option + ": found nothing, expected a value");
        case po::invalid_syntax::extra_parameter:
            usage_error(option + ": found a value, expected none");
        default:
            usage_error(error.what());
        }
    } catch (const po::error& error) {
        usage_error(base::printable(error.what()));
    }
}

void take_directory(const std::string& directory, Invocation& invocation) {
    if (directory.empty())
        usage_error("option -C: found an empty name, expected a directory");
    if (!invocation.directory.empty())
        usage_error("option -C is given twice");
    invocation.directory = directory;
}

/// Takes the common options and the operands out of @p parsed, and repeated switches: saying a thing twice is
/// no error.
void take_common(po::parsed_options& parsed, Invocation& invocation) {
    std::set<std::string> switches;
    std::vector<po::option> own;
    for (po::option& option : parsed.options) {
        const std::string& key = option.string_key;
        if (key.empty())
            invocation.operands.push_back(option.value.at(0));
        else if (key == "-C")
            take_directory(option.value.at(0), invocation);
        else if (key == "dry-run")
            invocation.dry_run = DryRun::yes;
        else if (key == "verbose")
            invocation.verbosity = Verbosity::verbose;
        else if (key == "quiet")
            invocation.verbosity = Verbosity::quiet;
        else if (key == "json")
            invocation.format = OutputFormat::json;
        else if (!option.value.empty() || switches.insert(key).second)
            own.push_back(std::move(option));
    }
    parsed.options = std::move(own);
}

void store_own(const po::parsed_options& parsed, Invocation& invocation) {
    try {
        po::store(parsed, invocation.options);
    } catch (const po::multiple_occurrences& error) {
        usage_error("option " + typed_name(error) + " is given twice");
    } catch (const po::error& error) {
        usage_error(base::printable(error.what()));
    }
}

void check_operands(const Command& command, const Invocation& invocation) {
    const std::size_t count = invocation.operands.size();
    const Operands& allowed = command.operands;
    if (count > allowed.most)
        usage_error("unexpected argument '" + base::printable(invocation.operands[allowed.most]) + "'");
    if (count < allowed.least)
        usage_error("found " + (count == 0 ? "no" : std::to_string(count)) + " " + allowed.name +
                    ", expected at least " + std::to_string(allowed.least));
}

CommandLine parse_for(const Program& program, const Command& command,
                      const std::vector<std::string>& arguments) {
    CommandLine line;
    line.command = &command;
    line.invocation.program = program.name;
    const po::options_description accepted = all_options(command);
    po::parsed_options parsed = parse(arguments, accepted);
    for (const po::option& option : parsed.options) {
        if (option.string_key == "help")
            line.request = Request::help;
        else if (option.string_key == "version" && line.request == Request::run)
            line.request = Request::version;
    }
    if (line.request != Request::run)
        return line;
    take_common(parsed, line.invocation);
    store_own(parsed, line.invocation);
    check_operands(command, line.invocation);
    return line;
}

} // namespace

std::size_t find_command(const std::vector<std::string>& arguments) {
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& argument = arguments[at];
        if (argument.size() < 2 || argument[0] != '-')
            return at;
        if (argument == "--")
            return at + 1;
        const bool is_long = argument[1] == '-';
        if (!is_long && argument.find('C') == argument.size() - 1)
            ++at; // its value
    }
    return arguments.size();
}

po::options_description common_options(const std::vector<Common>& common) {
    po::options_description options;
    auto add = options.add_options();
    for (const Common option : common)
        switch (option) {
        case Common::directory:
            add(",C", po::value<std::string>()->value_name("DIR"),
                "the cluster root; default: $NODESPOOL_ROOT, else the current directory");
            break;
        case Common::dry_run:
            add("dry-run,n", "change nothing, print what would be done");
            break;
        case Common::verbose:
            add("verbose,v", "log more");
            break;
        case Common::quiet:
            add("quiet,q", "log warnings and errors only");
            break;
        case Common::json:
            add("json", "print JSON, one object a line");
            break;
        }
    add("help,h", "print this help");
    add("version", "print the version");
    return options;
}

po::options_description all_options(const Command& command) {
    po::options_description options;
    options.add(common_options(command.common)).add(command.options);
    return options;
}

CommandLine parse_command_line(const Program& program, const std::vector<std::string>& arguments) {
    base::ensure(!program.commands.empty(), "a program has a command");
    if (program.commands.front().name.empty())
        return parse_for(program, program.commands.front(), arguments);

    const std::size_t at = find_command(arguments);
    if (at < arguments.size()) {
        const Command& command = command_named(program, arguments[at]);
        std::vector<std::string> rest = arguments;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
        return parse_for(program, command, rest);
    }
    CommandLine line;
    if (asks(arguments, "-h", "--help"))
        line.request = Request::help;
    else if (asks(arguments, "--version", "--version"))
        line.request = Request::version;
    else
        usage_error("expected a command: " + names_of(program.commands));
    return line;
}

} // namespace nodespool::cli
