// Becoming another program, and what is known of this one.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/process.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

using namespace nodespool;
using namespace nodespool::base;

namespace {

/// Exit status of a process that does @p action.
int status_of_child(const std::function<int()>& action) {
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(action());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("the executable knows where it lies") {
    CHECK(executable_path().starts_with('/'));
    CHECK(status_at(k_cwd, executable_path())->type == FileType::regular);
}

TEST_CASE("a process becomes another program, with its arguments and the default SIGPIPE") {
    CHECK(status_of_child([] {
              return become_program("/bin/sh", {"sh", "-c", "[ \"$1\" = 'a b' ] && exit 7", "sh", "a b"}) ? 1
                                                                                                          : 2;
          }) == 7);
    CHECK(status_of_child([] { return become_program({"sh", "-c", "exit 8"}) ? 1 : 2; }) == 8);
    CHECK(
        status_of_child([] {
            (void)std::signal(SIGPIPE, SIG_IGN);
            // The shell outlives `kill` only where SIGPIPE is still ignored.
            become_program("/bin/sh", {"sh", "-c", "sh -c 'kill -PIPE $$; exit 1'; [ $? = 141 ] && exit 9"});
            return 2;
        }) == 9);
}

TEST_CASE("a program that is not there leaves the process as it was, one that may not be run is an error") {
    const test::TempDir dir;
    CHECK_FALSE(become_program(dir / "none", {"none"}));
    CHECK_FALSE(become_program({"nodespool-no-such-program"}));
    test::write_file(dir / "plain", "no program");
    CHECK_THROWS_AS(become_program(dir / "plain", {"plain"}), SystemError);
}

TEST_CASE("a file is no terminal") {
    const test::TempDir dir;
    test::write_file(dir / "file", "");
    const Fd fd = open_at(k_cwd, dir / "file", O_RDONLY);
    CHECK_FALSE(is_terminal(fd.get()));
    CHECK_FALSE(is_terminal(-1));
}
