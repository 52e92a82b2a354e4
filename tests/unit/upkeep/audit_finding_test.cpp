// The lines of check, written and read.
#include "upkeep/audit_finding.hpp"

#include <doctest/doctest.h>

using namespace nodespool;
using upkeep::Finding;
using upkeep::parse_finding;

namespace {

std::string why_not(const std::string& line) {
    try {
        parse_finding(line, {"stdin", 7});
    } catch (const queue::JobError& error) {
        return error.what();
    }
    return "it was accepted";
}

} // namespace

TEST_CASE("every kind of finding reads back to itself") {
    for (const char* line :
         {"orphan n1 61/47/name%20with%20blanks 12", "missing n1 61/47/x a/b%20c 3", "size n2 x a/b 3 2",
          "content n2 x a/b sha256:00 sha256:ff", "short a/b 3 12.000000005 1 2", "lost a/b 3 12.5",
          "gone n1 x a/b", "unreadable a/b .links/a/b:1: found 'x', expected PATH"}) {
        INFO(line);
        const Finding finding = parse_finding(line, {"stdin", 1});
        CHECK(upkeep::format_finding(finding) == line);
        CHECK(parse_finding(upkeep::format_finding(finding), {"stdin", 1}) == finding);
    }
}

TEST_CASE("blanks, tabs and CRLF between the fields do not matter") {
    CHECK(upkeep::format_finding(parse_finding(" \tmissing  n1\tx   a/b 3 \r", {"stdin", 1})) ==
          "missing n1 x a/b 3");
}

TEST_CASE("blank lines and comments say nothing") {
    CHECK(upkeep::is_finding_comment(""));
    CHECK(upkeep::is_finding_comment(" \t\r"));
    CHECK(upkeep::is_finding_comment("  # orphan n1 x 1"));
    CHECK_FALSE(upkeep::is_finding_comment("orphan n1 x 1"));
}

TEST_CASE("a malformed line names its place, what was found and what was expected") {
    CHECK(why_not("orphans n1 x 1") ==
          "stdin:7:1: found 'orphans', expected orphan, missing, size, content, short, lost, gone or "
          "unreadable");
    CHECK(why_not("orphan -n1 x 1") == "stdin:7:8: found '-n1', expected NODE, a node's name");
    CHECK(why_not("orphan n1 x") == "stdin:7:12: found the end of the line, expected SIZE in bytes");
    CHECK(why_not("orphan n1 x 1x") == "stdin:7:13: found '1x', expected SIZE in bytes");
    CHECK(why_not("orphan n1 x -1") == "stdin:7:13: found '-1', expected SIZE in bytes");
    CHECK(why_not("orphan n1 x 1 2") == "stdin:7:15: found '2', expected the end of the line");
    CHECK(why_not("orphan n1 x%2 1").starts_with("stdin:7:12: found "));
    CHECK(why_not("missing n1 x ../etc 1") ==
          "stdin:7:14: found a '..' component, expected FILE, a cluster path");
    CHECK(why_not("lost a 1 yesterday") ==
          "stdin:7:10: found 'yesterday', expected MTIME as SECONDS[.FRACTION]");
    CHECK(why_not("short a 1 5 one 2") == "stdin:7:13: found 'one', expected HAVE as a number of copies");
    CHECK(why_not("content n1 x a 12 13") ==
          "stdin:7:16: found '12', expected EXPECTED checksum as KIND:HEX");
    CHECK(why_not("unreadable").find("expected FILE, a cluster path") != std::string::npos);
}
