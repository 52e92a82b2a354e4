// Command lines: what is accepted, what an error says, and what --help prints.
#include "base/error.hpp"
#include "cli/command_line.hpp"
#include "cli/option_values.hpp"
#include "cli/processor_options.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <doctest/doctest.h>

#include <utility>

using namespace nodespool;
namespace po = boost::program_options;

namespace {

cli::Program plain_program() {
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [-l] [--only GLOB] FILE ...", "--scan"};
    command.common = {cli::Common::directory, cli::Common::dry_run, cli::Common::verbose, cli::Common::quiet};
    command.options.add_options()(
        "long,l", "print more of each file, so much more that its explanation needs two lines")(
        "only", po::value<std::string>()->value_name("GLOB"), "only files that match");
    command.operands = {"FILE", 1, 3};
    command.body = [](const cli::Invocation&, cli::ExitStatus&) {};
    return {"sample", "do what a sample does", {command}};
}

cli::Program program_with_commands() {
    cli::Command list;
    list.name = "list";
    list.purpose = "print the jobs";
    list.synopsis = {"[-C DIR] [--json]"};
    list.common = {cli::Common::directory, cli::Common::json};
    cli::Command add;
    add.name = "add";
    add.purpose = "queue jobs";
    add.synopsis = {"[-n] [-C DIR] [--first] [FILE]"};
    add.common = {cli::Common::directory, cli::Common::dry_run};
    add.options.add_options()("first", "before all others");
    add.operands = {"FILE", 0, 1};
    return {"multi", "look after many things", {list, add}};
}

std::string usage_message(const cli::Program& program, const std::vector<std::string>& arguments) {
    try {
        cli::parse_command_line(program, arguments);
    } catch (const base::Error& error) {
        CHECK(error.error_class() == base::ErrorClass::usage);
        return error.what();
    }
    return "accepted";
}

cli::ProcessorOptions processor_options_of(const std::vector<std::string>& arguments,
                                           const cli::Config& config = {}) {
    cli::Command command;
    command.synopsis = {""};
    cli::add_processor_options(command.options, cli::Transfers::yes);
    const cli::Program program{"store", "store", {command}};
    return cli::processor_options(cli::parse_command_line(program, arguments).invocation, config);
}

} // namespace

TEST_CASE("options stand before, between and after operands, in short, long and joined form") {
    const cli::Program program = plain_program();
    const auto line = cli::parse_command_line(program, {"a", "-nlC", "/root", "b", "--only=*.jpg", "-v"});
    CHECK(line.request == cli::Request::run);
    CHECK(line.invocation.operands == std::vector<std::string>{"a", "b"});
    CHECK(line.invocation.directory == "/root");
    CHECK(line.invocation.dry_run == cli::DryRun::yes);
    CHECK(line.invocation.verbosity == cli::Verbosity::verbose);
    CHECK(line.invocation.has("long"));
    CHECK(cli::text_of(line.invocation, "only") == "*.jpg");

    const auto joined = cli::parse_command_line(program, {"-C/other", "--only", "x", "f"});
    CHECK(joined.invocation.directory == "/other");
    CHECK(cli::text_of(joined.invocation, "only") == "x");
    CHECK_FALSE(joined.invocation.has("long"));
    CHECK(joined.invocation.dry_run == cli::DryRun::no);
}

TEST_CASE("after -- everything is an operand, as are odd names") {
    const cli::Program program = plain_program();
    const auto line = cli::parse_command_line(program, {"--", "-n", "--help", "-"});
    CHECK(line.invocation.operands == std::vector<std::string>{"-n", "--help", "-"});
    CHECK(line.invocation.dry_run == cli::DryRun::no);
    CHECK(cli::parse_command_line(program, {"", "a b", "=x"}).invocation.operands ==
          std::vector<std::string>{"", "a b", "=x"});
}

TEST_CASE("a switch may be repeated, and of -q and -v the last one counts") {
    const cli::Program program = plain_program();
    const auto line = cli::parse_command_line(program, {"-v", "-l", "-l", "-n", "-n", "-q", "f"});
    CHECK(line.invocation.verbosity == cli::Verbosity::quiet);
    CHECK(line.invocation.has("long"));
}

TEST_CASE("wrong command lines are refused with the option's name and what was expected") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"--bogus", "f"}, "unknown option '--bogus'"},
        {{"-x", "f"}, "unknown option '-x'"},
        {{"--dry", "f"}, "unknown option '--dry'"},
        {{"--json", "f"}, "unknown option '--json'"},
        {{"f", "--only"}, "option --only: found nothing, expected a value"},
        {{"f", "-C"}, "option -C: found nothing, expected a value"},
        {{"f", "-C", ""}, "option -C: found an empty name, expected a directory"},
        {{"--dry-run=yes", "f"}, "option --dry-run: found a value, expected none"},
        {{"--only=a", "--only=b", "f"}, "option --only is given twice"},
        {{"-C", "a", "-C", "b", "f"}, "option -C is given twice"},
        {{}, "found no FILE, expected at least 1"},
        {{"a", "b", "c", "d\n"}, "unexpected argument 'd\\x0A'"}};
    for (const auto& [arguments, message] : cases)
        CHECK(usage_message(plain_program(), arguments) == message);
}

TEST_CASE("a subcommand is found behind common options and takes only its own") {
    const cli::Program program = program_with_commands();
    const auto line = cli::parse_command_line(program, {"-C", "add", "list", "--json"});
    REQUIRE(line.command != nullptr);
    CHECK(line.command->name == "list");
    CHECK(line.invocation.directory == "add");
    CHECK(line.invocation.format == cli::OutputFormat::json);

    CHECK(cli::parse_command_line(program, {"-nC/r", "add", "--first", "f"}).invocation.directory == "/r");
    CHECK(cli::parse_command_line(program, {"-C/r", "add"}).command->name == "add");
    CHECK(usage_message(program, {"list", "--dry-run"}) == "unknown option '--dry-run'");
    CHECK(usage_message(program, {"list", "x"}) == "unexpected argument 'x'");
    CHECK(usage_message(program, {"drop"}) == "unknown command 'drop', expected one of: list, add");
    CHECK(usage_message(program, {}) == "expected a command: list, add");
    CHECK(usage_message(program, {"-C", "list"}) == "expected a command: list, add");
}

TEST_CASE("help and version are asked for anywhere before --") {
    const cli::Program plain = plain_program();
    CHECK(cli::parse_command_line(plain, {"-h"}).request == cli::Request::help);
    CHECK(cli::parse_command_line(plain, {"a", "b", "c", "d", "--help"}).request == cli::Request::help);
    CHECK(cli::parse_command_line(plain, {"--version"}).request == cli::Request::version);
    const cli::Program multi = program_with_commands();
    CHECK(cli::parse_command_line(multi, {"--help"}).command == nullptr);
    const auto of_command = cli::parse_command_line(multi, {"add", "-h"});
    CHECK(of_command.request == cli::Request::help);
    CHECK(of_command.command->name == "add");
    CHECK(cli::parse_command_line(multi, {"--version"}).request == cli::Request::version);
}

TEST_CASE("help shows every usage form, then the options, then where to read on") {
    CHECK(cli::help_text(plain_program(), "") ==
          "usage: nodespool sample [-nqv] [-C DIR] [-l] [--only GLOB] FILE ...\n"
          "       nodespool sample --scan\n"
          "\n"
          "Do what a sample does.\n"
          "\n"
          "Options:\n"
          "  -l, --long              print more of each file, so much more that its\n"
          "                          explanation needs two lines\n"
          "      --only GLOB         only files that match\n"
          "  -C DIR                  the cluster root; default: $NODESPOOL_ROOT, else the\n"
          "                          current directory\n"
          "  -n, --dry-run           change nothing, print what would be done\n"
          "  -v, --verbose           log more\n"
          "  -q, --quiet             log warnings and errors only\n"
          "  -h, --help              print this help\n"
          "      --version           print the version\n"
          "\n"
          "See nodespool-sample(1).\n");
}

TEST_CASE("help of a program with subcommands names them all, help of one of them only that") {
    const std::string all = cli::help_text(program_with_commands(), "");
    CHECK(all.starts_with("usage: nodespool multi list [-C DIR] [--json]\n"
                          "       nodespool multi add [-n] [-C DIR] [--first] [FILE]\n\n"
                          "Look after many things.\n\nCommands:\n"
                          "  list                    print the jobs\n"
                          "  add                     queue jobs\n\n"
                          "Options of add:\n      --first"));
    const std::string one = cli::help_text(program_with_commands(), "add");
    CHECK(one.starts_with("usage: nodespool multi add [-n] [-C DIR] [--first] [FILE]\n\nQueue jobs.\n"));
    CHECK(one.find("--json") == one.npos);
    CHECK(one.find("--dry-run") != one.npos);
}

TEST_CASE("a long usage form is wrapped between its parts, not within brackets") {
    cli::Program program = plain_program();
    program.commands.front().synopsis = {
        "[-nqv] [-C DIR] [--first | --last] [--limit-rate RATE] [--max-jobs N] FILE ..."};
    CHECK(cli::help_text(program, "")
              .starts_with("usage: nodespool sample [-nqv] [-C DIR] [--first | --last] [--limit-rate RATE]\n"
                           "                        [--max-jobs N] FILE ...\n\n"));
}

TEST_CASE("the version names program and project") {
    const std::string text = cli::version_text("store");
    CHECK(text.starts_with("nodespool-store (nodespool) "));
    CHECK(text.ends_with("\n"));
}

TEST_CASE("processor options are read, with the configuration behind them") {
    const auto options = processor_options_of({"-j", "8", "--follow", "--progress=always", "--max-jobs", "5",
                                               "--only", "a/*", "--limit-rate", "20M"});
    CHECK(options.jobs == 8U);
    CHECK(options.follow == cli::Follow::yes);
    CHECK(options.progress == cli::Progress::always);
    CHECK(options.max_jobs == 5U);
    CHECK(options.only == "a/*");
    CHECK(options.limit_bytes_per_second == 20U << 20U);

    cli::Config config;
    config.jobs = 3;
    CHECK(processor_options_of({}, config).jobs == 3U);
    CHECK(processor_options_of({"-j2"}, config).jobs == 2U);
    const auto defaults = processor_options_of({});
    CHECK_FALSE(defaults.jobs.has_value());
    CHECK(defaults.follow == cli::Follow::no);
    CHECK(defaults.progress == cli::Progress::automatic);
    CHECK_FALSE(defaults.max_jobs.has_value());
    CHECK_FALSE(defaults.only.has_value());
    CHECK_FALSE(defaults.limit_bytes_per_second.has_value());
    CHECK(processor_options_of({"--limit-rate=1"}).limit_bytes_per_second == 1U);
    CHECK(processor_options_of({"--limit-rate=2k"}).limit_bytes_per_second == 2048U);
    CHECK(processor_options_of({"--limit-rate=16777215T"}).limit_bytes_per_second == 16777215ULL << 40U);
}

TEST_CASE("bad processor options name the option, what was found and what was expected") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"-j"}, "option -j: found nothing, expected a value"},
        {{"-j1", "-j2"}, "option -j is given twice"},
        {{"-j", "0"}, "option -j: found '0', expected a number from 1 to 1024"},
        {{"-j", "-1"}, "option -j: found '-1', expected a number from 1 to 1024"},
        {{"-j", "1025"}, "option -j: found '1025', expected a number from 1 to 1024"},
        {{"-j", "+4"}, "option -j: found '+4', expected a number from 1 to 1024"},
        {{"-j", "4x"}, "option -j: found '4x', expected a number from 1 to 1024"},
        {{"-j", "99999999999999999999"},
         "option -j: found '99999999999999999999', expected a number from 1 to 1024"},
        {{"--max-jobs", "0"}, "option --max-jobs: found '0', expected a number of at least 1"},
        {{"--progress", "maybe"}, "option --progress: found 'maybe', expected auto, always or never"},
        {{"--only", ""}, "option --only: found '', expected a pattern such as 'photos/*.jpg'"},
        {{"--limit-rate", "0"},
         "option --limit-rate: found '0', expected a number of bytes above 0, as 500K, 20M or 1G"},
        {{"--limit-rate", "M"},
         "option --limit-rate: found 'M', expected a number of bytes above 0, as 500K, 20M or 1G"},
        {{"--limit-rate", "16777216T"},
         "option --limit-rate: found '16777216T', expected a number of bytes above 0, as 500K, 20M or 1G"}};
    for (const auto& [arguments, message] : cases) {
        std::string found = "accepted";
        try {
            processor_options_of(arguments);
        } catch (const base::Error& error) {
            CHECK(error.error_class() == base::ErrorClass::usage);
            found = error.what();
        }
        CHECK(found == message);
    }
}
