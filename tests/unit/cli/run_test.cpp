// run(): messages on standard error, exit statuses, standard output checked.
#include "base/error.hpp"
#include "cli/output.hpp"
#include "cli/program.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

using namespace nodespool;
using test::TempDir;

namespace {

struct Outcome {
    int status = -1;
    std::string out;
    std::string err;
};

/// Runs the program in a process of its own, its output into @p out_path.
Outcome run_into(const std::string& out_path, const std::vector<const char*>& arguments,
                 const cli::Body& body) {
    const TempDir dir;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::open(out_path.c_str(), O_WRONLY | O_CREAT, 0600), 1);
        ::dup2(::open((dir / "err").c_str(), O_WRONLY | O_CREAT, 0600), 2);
        std::vector<const char*> argv = {"sample"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        cli::Command command;
        command.synopsis = {"[FILE]"};
        command.operands = {"FILE", 0, 1};
        command.body = body;
        const int status =
            cli::run(static_cast<int>(argv.size()), argv.data(), {"sample", "be a sample", {command}});
        std::fflush(stderr);
        ::_exit(status);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), "", test::read_file(dir / "err")};
}

Outcome run_with(const std::vector<const char*>& arguments, const cli::Body& body) {
    const TempDir dir;
    Outcome outcome = run_into(dir / "out", arguments, body);
    outcome.out = test::read_file(dir / "out");
    return outcome;
}

template <typename Exception>
Outcome run_throwing(const Exception& exception) {
    return run_with({}, [&](const cli::Invocation&, cli::ExitStatus&) { throw exception; });
}

void print_much(const cli::Invocation&, cli::ExitStatus&) {
    for (int line = 0; line < 100'000; ++line)
        cli::print("a line of output\n");
}

} // namespace

TEST_CASE("a body that ends well gives 0, its output and no message") {
    const Outcome outcome = run_with({"x y"}, [](const cli::Invocation& invocation, cli::ExitStatus&) {
        cli::print(invocation.program + " " + invocation.operands.at(0) + "\n");
    });
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "sample x y\n");
    CHECK(outcome.err.empty());
}

TEST_CASE("what a body notes is the exit status, also beside an error") {
    const auto note = [](const cli::Invocation&, cli::ExitStatus& status) {
        status.note(cli::Condition::resubmitted);
        status.note(cli::Condition::rejected);
    };
    CHECK(run_with({}, note).status == 65);
    CHECK(run_with({}, [&](const cli::Invocation& invocation, cli::ExitStatus& status) {
              note(invocation, status);
              throw base::Error(base::ErrorClass::io, "the disk is on fire");
          }).status == 74);
}

TEST_CASE("errors are one line that begins with the program's name") {
    const Outcome error = run_throwing(base::Error(base::ErrorClass::config, "a\nb\x1b[2J"));
    CHECK(error.status == 78);
    CHECK(error.err == "nodespool-sample: a\\x0Ab\\x1B[2J\n");
    CHECK(run_throwing(base::SystemError("open x", EACCES)).status == 77);
    CHECK(run_throwing(std::system_error(std::make_error_code(std::errc::permission_denied))).status == 77);
    CHECK(run_throwing(std::system_error(std::make_error_code(std::errc::io_error))).status == 74);
    CHECK(run_throwing(std::bad_alloc()).err == "nodespool-sample: out of memory\n");
    const Outcome bug = run_throwing(std::logic_error("impossible"));
    CHECK(bug.status == 70);
    CHECK(bug.err == "nodespool-sample: internal error: impossible\n");
}

TEST_CASE("a wrong command line is 64, tells where the options are, and runs nothing") {
    const Outcome outcome = run_with({"--bogus"}, print_much);
    CHECK(outcome.status == 64);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "nodespool-sample: unknown option '--bogus'\n"
                         "nodespool-sample: 'nodespool sample --help' shows the options\n");
}

TEST_CASE("help and version go to standard output") {
    CHECK(run_with({"--help"}, print_much).out.starts_with("usage: nodespool sample [FILE]\n"));
    CHECK(run_with({"--version"}, print_much).out.starts_with("nodespool-sample (nodespool) "));
    CHECK(run_with({"--version"}, print_much).status == 0);
}

TEST_CASE("output that cannot be written is an I/O error, whether much or little") {
    const Outcome much = run_into("/dev/full", {}, print_much);
    CHECK(much.status == 74);
    CHECK(much.err == "nodespool-sample: cannot write to standard output: No space left on device\n");
    const Outcome little =
        run_into("/dev/full", {}, [](const cli::Invocation&, cli::ExitStatus&) { cli::print("x"); });
    CHECK(little.status == 74);
    CHECK(little.err == much.err);
    // Written by other means than print(), as a library might.
    CHECK(run_into("/dev/full", {}, [](const cli::Invocation&, cli::ExitStatus&) {
              std::puts("x");
          }).status == 74);
}

TEST_CASE("a reader that went away ends the program with 74 and without a word") {
    const Outcome outcome = run_with({}, [](const cli::Invocation& invocation, cli::ExitStatus& status) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        ::dup2(ends[1], 1);
        ::close(ends[0]);
        print_much(invocation, status);
    });
    CHECK(outcome.status == 74);
    CHECK(outcome.err.empty());
}

TEST_CASE("standard streams that are closed are never taken by a file") {
    const TempDir dir;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        for (int fd = 0; fd < 3; ++fd)
            ::close(fd);
        const char* argv[] = {"sample"};
        cli::Command command;
        command.body = [](const cli::Invocation&, cli::ExitStatus& status) {
            if (::open("/dev/null", O_RDONLY) < 3)
                status.note(cli::Condition::bug);
            cli::print("lost");
        };
        ::_exit(cli::run(1, argv, {"sample", "be a sample", {command}}));
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 74);
}
