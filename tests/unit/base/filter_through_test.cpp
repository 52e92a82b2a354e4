// Bytes through another program.
#include "base/error.hpp"
#include "base/filter_through.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace nodespool::base;

namespace {

struct Run {
    Filtered filtered;
    std::string output;
};

Run run(const std::string& script, const std::string& input, const std::vector<std::string>& variables = {}) {
    ChildProcess child({"sh", "-c", script}, variables, Complaints::passed_on);
    std::string output;
    const Filtered filtered = filter_through(child, input, [&](std::string_view bytes) { output += bytes; });
    return {filtered, output};
}

} // namespace

TEST_CASE("what goes in comes out, however much it is") {
    for (const std::size_t size : {0U, 1U, 65536U, 65537U, 5000000U}) {
        const std::string input(size, 'x');
        const Run result = run("cat", input);
        CHECK(result.output == input);
        CHECK(result.filtered.end.is_success());
        CHECK(result.filtered.read_all);
    }
}

TEST_CASE("a program may write much before it reads, and read much before it writes") {
    const std::string input(1000000, 'x');
    CHECK(run("head -c 1000000 /dev/zero; cat", input).output.size() == 2000000);
    CHECK(run("wc -c | tr -d ' '", input).output == "1000000\n");
    CHECK(run("cat >/dev/null; head -c 1000000 /dev/zero", input).output.size() == 1000000);
}

TEST_CASE("a program that leaves input unread is found out, however little it is") {
    const std::string much(1000000, 'x');
    CHECK_FALSE(run("true", "x").filtered.read_all);
    CHECK_FALSE(run("true", much).filtered.read_all);
    CHECK_FALSE(run("head -c 100000", much).filtered.read_all);
    CHECK_FALSE(run("exec <&-; echo done", much).filtered.read_all);
    CHECK(run("true", "").filtered.read_all);
    CHECK(run("exec >&-; cat >/dev/null", much).filtered.read_all); // closes its output first
}

TEST_CASE("the end of a program is told: exit status or signal") {
    CHECK(run("cat; exit 3", "x").filtered.end.exit_status == 3);
    CHECK(run("cat; kill -KILL $$", "x").filtered.end.signal == 9);
}

TEST_CASE("a program sees the variables that were set for it") {
    CHECK(run("printf %s \"$NODESPOOL_TEST\"", "", {"NODESPOOL_TEST=a b"}).output == "a b");
}

TEST_CASE("who throws while reading ends the program") {
    ChildProcess child({"sh", "-c", "while :; do echo y; done"}, {}, Complaints::passed_on);
    CHECK_THROWS_AS(filter_through(child, "", [](std::string_view) { throw 1; }), int);
}
