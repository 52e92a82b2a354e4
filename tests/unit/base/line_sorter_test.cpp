// Sorting in memory and through sort(1), and what is told where sort fails.
#include "base/child_process.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/line_sorter.hpp"
#include "support/environment.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace nodespool;
using namespace nodespool::base;

namespace {

// So little that sort(1) has to help.
constexpr std::size_t k_tiny = 16;

std::vector<std::string> all_of(LineSorter& sorter) {
    std::vector<std::string> lines;
    while (const std::optional<std::string> line = sorter.next())
        lines.push_back(*line);
    CHECK_FALSE(sorter.next());
    return lines;
}

std::vector<std::string> sorted(const std::vector<std::string>& lines, std::size_t memory_bytes) {
    LineSorter sorter(memory_bytes);
    for (const std::string& line : lines)
        sorter.add(line);
    sorter.finish();
    return all_of(sorter);
}

/// Different each, in no order.
std::vector<std::string> many_lines(int count) {
    std::vector<std::string> lines;
    for (int i = 0; i < count; ++i)
        lines.push_back(std::to_string((i * 7919LL) % 1000003) + " line");
    return lines;
}

bool has_child() {
    return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

/// A program of that name that is found before the real one.
std::string path_with_sort(const test::TempDir& dir, const std::string& script) {
    test::write_file(dir / "sort", "#!/bin/sh\n" + script + "\n");
    ::chmod((dir / "sort").c_str(), 0755);
    return dir.path() + ":/usr/bin:/bin";
}

std::string error_of(LineSorter& sorter) {
    try {
        for (int i = 0; i < 100000; ++i)
            sorter.add("some line that goes to sort");
        sorter.finish();
        while (sorter.next())
            ;
    } catch (const Error& error) {
        CHECK(error.error_class() == ErrorClass::io);
        return error.what();
    }
    return "none";
}

} // namespace

TEST_CASE("lines come back in byte order, in memory and through sort") {
    const test::EnvironmentVariable locale("LC_ALL", "C.UTF-8");
    std::vector<std::string> lines = {"b",  "a",    "",         "a b", "a\tb",
                                      "B",  "\xff", "\xc3\xa4", "a",   std::string("z\0y", 3),
                                      "-n", "",     " a",       "a\r", std::string(200000, 'x')};
    std::vector<std::string> expected = lines;
    std::sort(expected.begin(), expected.end());
    CHECK(sorted(lines, LineSorter::k_memory_bytes) == expected);
    CHECK(sorted(lines, k_tiny) == expected);
    CHECK_FALSE(has_child());
}

TEST_CASE("no line at all is sorted too, wherever the border lies") {
    CHECK(sorted({}, k_tiny).empty());
    CHECK(sorted({""}, 0) == std::vector<std::string>{""});
}

TEST_CASE("every border between memory and sort gives the same") {
    const std::vector<std::string> lines = many_lines(300);
    std::vector<std::string> expected = lines;
    std::sort(expected.begin(), expected.end());
    for (std::size_t memory = 0; memory < 8000; memory += 397)
        CHECK(sorted(lines, memory) == expected);
}

TEST_CASE("several sorters work at once, and may be moved") {
    const std::vector<std::string> lines = many_lines(200000);
    std::vector<std::string> expected = lines;
    std::sort(expected.begin(), expected.end());
    std::vector<LineSorter> sorters;
    for (int i = 0; i < 4; ++i)
        sorters.emplace_back(k_tiny);
    for (const std::string& line : lines)
        for (LineSorter& sorter : sorters)
            sorter.add(line);
    for (LineSorter& sorter : sorters)
        sorter.finish();
    for (const std::string& line : expected)
        for (LineSorter& sorter : sorters)
            if (sorter.next() != line)
                FAIL("not in order at " << line);
    for (LineSorter& sorter : sorters)
        CHECK_FALSE(sorter.next());
}

TEST_CASE("sorters work in several threads, with SIGPIPE and SIGCHLD ignored") {
    const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
    const auto child_before = std::signal(SIGCHLD, SIG_IGN);
    const std::vector<std::string> lines = many_lines(50000);
    std::vector<std::string> expected = lines;
    std::sort(expected.begin(), expected.end());
    std::vector<std::vector<std::string>> results(4);
    std::vector<std::thread> threads;
    for (std::vector<std::string>& result : results)
        threads.emplace_back([&] { result = sorted(lines, k_tiny); });
    for (std::thread& thread : threads)
        thread.join();
    for (const std::vector<std::string>& result : results)
        CHECK(result == expected);
    (void)std::signal(SIGPIPE, pipe_before);
    (void)std::signal(SIGCHLD, child_before);
}

TEST_CASE("a sort that fails is an error, before and after its first line of output, and stays one") {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const test::TempDir dir;
    struct Case {
        std::string script;
        std::string message;
    };
    const std::vector<Case> cases = {
        {"echo 'sort: write failed: /tmp/sortX: No space left on device' >&2; exit 2",
         "exit status 2: sort: write failed: /tmp/sortX: No space left on device"},
        {"/usr/bin/sort; exit 2", "exit status 2"},
        {"/usr/bin/sort; kill -KILL $$", "killed by signal 9"},
        {"kill -KILL $$", "killed by signal 9"},
        {"/usr/bin/sort | tail -n +2", "fewer lines"},
        {"/usr/bin/sort | head -c -1", "fewer lines"},
        {"/usr/bin/sort; echo", "more lines"},
        {"exit 0", "lines"}, // it reads nothing: noticed when writing or when reading, as it comes
    };
    for (const Case& c : cases) {
        CAPTURE(c.script);
        const test::EnvironmentVariable path("PATH", path_with_sort(dir, c.script));
        LineSorter sorter(k_tiny);
        const std::string error = error_of(sorter);
        if (c.message != "lines")
            CHECK(error.find(c.message) != std::string::npos);
        CHECK(error.starts_with("cannot sort with sort(1): "));
        CHECK_THROWS_AS(static_cast<void>(sorter.next()), Error);
        CHECK_THROWS_AS(sorter.add("x"), Error);
    }
    CHECK_FALSE(has_child());
    (void)std::signal(SIGPIPE, before);
}

TEST_CASE("temporaries that do not fit on the disk are an error") {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const test::EnvironmentVariable directory("TMPDIR", "/proc/nodespool-no-such-directory");
    LineSorter sorter(k_tiny);
    std::string error = "none";
    try {
        const std::string filler(1000, 'x');
        for (int i = 0; i < 100000; ++i) // more than sort may hold in memory
            sorter.add(std::to_string(i) + filler);
        sorter.finish();
        while (sorter.next())
            ;
    } catch (const Error& caught) {
        error = caught.what();
    }
    CHECK(error.find("/proc/nodespool-no-such-directory") != std::string::npos);
    (void)std::signal(SIGPIPE, before);
}

TEST_CASE("without sort, what does not fit in memory is an error") {
    const test::EnvironmentVariable path("PATH", "/nowhere");
    LineSorter sorter(k_tiny);
    CHECK_THROWS_WITH_AS(sorter.add("a line of more than a few bytes"),
                         "cannot run sort: No such file or directory", SystemError);
}

TEST_CASE("a sorter that is given up leaves no process and no temporary") {
    const test::TempDir dir;
    const test::EnvironmentVariable directory("TMPDIR", dir.path());
    {
        LineSorter unfinished(k_tiny);
        const std::string filler(1000, 'x');
        for (int i = 0; i < 100000; ++i)
            unfinished.add(std::to_string(i) + filler);
        LineSorter unread(k_tiny);
        for (const std::string& line : many_lines(200000))
            unread.add(line);
        unread.finish();
        CHECK(unread.next());
        CHECK(has_child());
    }
    CHECK_FALSE(has_child());
    CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a child process inherits nothing but its streams") {
    const test::TempDir dir;
    const int leaky =
        ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY); // without O_CLOEXEC, as libraries do
    REQUIRE(leaky > 2);
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    ChildProcess child({"sh", "-c",
                        "ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status; echo $ADDED; "
                        "sh -c 'kill -PIPE $$; exit 1'; echo $?"},
                       {"ADDED=yes"});
    child.close_input();
    std::string text;
    char bytes[4096];
    while (const std::size_t got = read_some(child.output(), bytes, sizeof bytes, "a pipe"))
        text.append(bytes, got);
    CHECK(child.wait().is_success());
    // 0, 1, 2 and the directory that ls reads.
    CHECK(text == "4\nSigBlk:\t0000000000000000\nyes\n141\n");
    (void)std::signal(SIGPIPE, before);
    ::close(leaky);
}
