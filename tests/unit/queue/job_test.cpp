// Job lines: reading, writing, refusing.
#include "queue/job.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace nodespool;
using queue::JobRecord;
using queue::Keyword;

namespace {

const queue::NodeNames k_nodes = {"n1", "n2", "n3"};

JobRecord parse(const std::string& line) {
    return queue::parse_job(line, {"x.q", 7}, &k_nodes);
}

std::string error_of(const std::string& line) {
    try {
        parse(line);
    } catch (const queue::JobError& error) {
        return error.what();
    }
    return "no error";
}

} // namespace

TEST_CASE("an upload line is read field by field") {
    const JobRecord job = parse("upload a%20b/c.txt 1007 42 1044844761.5 n1,n2 -n3 since=1 colour=blue");
    CHECK(job.keyword == Keyword::upload);
    CHECK(job.path == "a b/c.txt");
    CHECK(job.owner_uid == 1007);
    CHECK(job.size_bytes == 42);
    CHECK(job.mtime.value == base::Timestamp{1044844761, 500000000});
    CHECK(job.mtime.fraction_digits == 1);
    CHECK(job.nodes.only == std::vector<std::string>{"n1", "n2"});
    CHECK(job.nodes.without == std::vector<std::string>{"n3"});
    CHECK(job.since == base::Timestamp{1, 0});
    REQUIRE(job.find_attribute("colour") != nullptr);
    CHECK(*job.find_attribute("colour") == "blue");
}

TEST_CASE("blanks, tabs and a carriage return at the end do not matter") {
    CHECK(queue::format_job(parse(" \tstore\t a  1\t2 \r")) == "store a 1 2");
}

TEST_CASE("every kind of job is written as it was read") {
    for (const char* line :
         {"upload a%20b 0 0 1.000000001", "store ä/%25%3D 18 -1.5 n1 n2 -n3 attempts=3 not-before=5",
          "replicate x/y 9223372036854775807 0 copies=3", "remove n1 61/47/name 12 path=a%20b later=yes"})
        CHECK(queue::format_job(parse(line)) == line);
}

TEST_CASE("a minus binds to one name of a list") {
    const JobRecord job = parse("store a 1 1 -n1,n2");
    CHECK_FALSE(job.nodes.allows("n1"));
    CHECK(job.nodes.allows("n2"));
    CHECK_FALSE(job.nodes.allows("n3"));
}

TEST_CASE("with exclusions alone every other node is allowed") {
    const JobRecord job = parse("store a 1 1 -n1");
    CHECK_FALSE(job.nodes.allows("n1"));
    CHECK(job.nodes.allows("n2"));
}

TEST_CASE("replicate accepts the path of the link file") {
    CHECK(parse("replicate .links/a/b 1 1").path == "a/b");
}

TEST_CASE("a line that cannot run says where, what was found and what was expected") {
    struct Case {
        std::string line;
        std::string message;
    };
    const std::vector<Case> cases = {
        {"stroe a 1 1", "x.q:7:1: found keyword 'stroe', expected upload, store, replicate or remove"},
        {"store", "x.q:7:6: found the end of the line, expected FILE"},
        {"store a", "x.q:7:8: found the end of the line, expected SIZE in bytes"},
        {"store a 1", "x.q:7:10: found the end of the line, expected MTIME"},
        {"store a x 1", "x.q:7:9: found 'x', expected SIZE in bytes, 0 to 9223372036854775807"},
        {"store a 9223372036854775808 1", "x.q:7:9: found '9223372036854775808', expected SIZE"},
        {"store a -1 1", "x.q:7:9: found '-1', expected SIZE"},
        {"store a 1 1.", "x.q:7:11: found '1.', expected MTIME"},
        {"store a 1 1.0123456789", "x.q:7:11: found '1.0123456789', expected MTIME"},
        {"upload a bob 1 1", "x.q:7:10: found 'bob', expected UID as a number"},
        {"store a%2 1 1", "x.q:7:8: found '%2', expected '%' and two hex digits"},
        {"store a=b 1 1", "x.q:7:8: found a raw '=', expected it written as %3D"},
        {"store \xC3(a 1 1", "x.q:7:7: found a raw byte that is not UTF-8, expected it written as %C3"},
        {"store /etc/passwd 1 1", "x.q:7:7: found an absolute path in '/etc/passwd'"},
        {"store a/../b 1 1", "x.q:7:7: found a '..' component in 'a/../b'"},
        {"store a//b 1 1", "x.q:7:7: found an empty component in 'a//b'"},
        {"store .queue/x 1 1", "x.q:7:7: found a name that begins with a dot at the top of the file space"},
        {"store a/.nodespool-1 1 1", "x.q:7:7: found a component that begins with '.nodespool-'"},
        {"store a%00b 1 1", "x.q:7:7: found a NUL byte"},
        {"store a 1 1 n9", "x.q:7:13: found node 'n9', expected a node of the configuration (n1, n2, n3)"},
        {"store a 1 1 -n9", "x.q:7:14: found node 'n9', expected a node of the configuration"},
        {"store a 1 1 n1,,n2", "x.q:7:16: found '', expected a node name"},
        {"store a 1 1 n1 -n1", "found a node list that forbids every node it allows"},
        {"store a 1 1 -n1 -n2 -n3", "found a node list that forbids every node it allows"},
        {"store a 1 1 copies=2 n1",
         "x.q:7:22: found 'n1', expected KEY=VALUE: nodes stand before the attributes"},
        {"replicate a 1 1 copies=0", "x.q:7:24: found copies=0, expected at least 1"},
        {"store a 1 1 attempts=many", "x.q:7:22: found 'many', expected a number of attempts"},
        {"store a 1 1 not-before=soon", "x.q:7:24: found 'soon', expected a time"},
        {"store a 1 1 x=1 x=2", "x.q:7:17: found attribute 'x' a second time"},
        {"store a 1 1 =1", "x.q:7:13: found '', expected an attribute name"},
        {"remove n1 ../x 1", "x.q:7:11: found a '..' component in '../x'"},
        {"remove n1 /x 1", "x.q:7:11: found an empty component in '/x'"},
        {"remove n1 x 1 n2", "x.q:7:15: found 'n2', expected KEY=VALUE or the end of the line"},
    };
    for (const Case& bad : cases) {
        CAPTURE(bad.line);
        const std::string message = error_of(bad.line);
        CAPTURE(message);
        CHECK(message.find(bad.message) != std::string::npos);
        CHECK(error_of(bad.line) != "no error");
    }
    CHECK(error_of(std::string("store a\0b 1 1", 13)).find("found a NUL byte") != std::string::npos);
    CHECK(error_of("store " + std::string(70000, 'a') + " 1 1").find("at most 65536 bytes") !=
          std::string::npos);
}

TEST_CASE("an error message never carries control characters of the line") {
    CHECK(error_of("store \x1b[31m 1 1").find('\x1b') == std::string::npos);
}

TEST_CASE("lines are sorted by their first word") {
    CHECK(queue::classify("").kind == queue::LineKind::nothing);
    CHECK(queue::classify("  \t\r").kind == queue::LineKind::nothing);
    CHECK(queue::classify(" # store a 1 1").kind == queue::LineKind::nothing);
    CHECK(queue::classify("storex a").kind == queue::LineKind::unknown);
    CHECK(queue::classify("\tremove").keyword == Keyword::remove);
}
