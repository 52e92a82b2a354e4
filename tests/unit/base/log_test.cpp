// Log lines: one a call, key=value, and nothing in a value can forge another.
#include "base/error.hpp"
#include "base/log.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace nodespool;
using namespace nodespool::base;
using test::TempDir;

namespace {

/// What the log file holds after @p lines were logged at @p least, times cut off.
template <typename Lines>
std::string logged(LogLevel least, Lines&& lines) {
    const TempDir dir;
    const std::string path = dir / "log";
    configure_log("store", {LogTarget::Kind::file, path}, least);
    lines();
    configure_log("store", {}, LogLevel::warning);
    std::string text;
    const std::string whole = test::read_file(path);
    for (std::size_t at = 0; at < whole.size();) {
        const std::size_t end = whole.find('\n', at);
        REQUIRE(end != whole.npos);
        const std::string line = whole.substr(at, end - at);
        REQUIRE(line.size() > 25);
        CHECK(line[10] == 'T');
        CHECK(line.substr(23, 2) == "Z ");
        text += line.substr(25) + "\n";
        at = end + 1;
    }
    return text;
}

} // namespace

TEST_CASE("a line has level, program and fields in their order") {
    CHECK(logged(LogLevel::info, [] {
              log(LogLevel::info, LogFields{{"job", "a.q:3"}, {"node", "n1"}, {"bytes", "12"}});
              log(LogLevel::warning, "free words");
          }) == "info store job=a.q:3 node=n1 bytes=12\nwarning store msg=\"free words\"\n");
}

TEST_CASE("a value that could be misread is quoted, and control bytes never come out raw") {
    CHECK(logged(LogLevel::info,
                 [] {
                     log(LogLevel::info,
                         LogFields{{"file", "x\n2026-11-21T00:00:00.000Z error store forged=yes"}});
                     log(LogLevel::info, LogFields{{"file", "say \"hi\""}, {"empty", ""}, {"eq", "a=b"}});
                     log(LogLevel::info, LogFields{{"file", "esc\x1b[2J\r\xFF"}});
                     log(LogLevel::info, LogFields{{"file", "{} %s %v {0}"}});
                 }) == "info store file=\"x\\x0A2026-11-21T00:00:00.000Z error store forged=yes\"\n"
                       "info store file=\"say \\\"hi\\\"\" empty=\"\" eq=\"a=b\"\n"
                       "info store file=esc\\x1B[2J\\x0D\\xFF\n"
                       "info store file=\"{} %s %v {0}\"\n");
}

TEST_CASE("lines below the level are not written") {
    CHECK(logged(LogLevel::warning, [] {
              log(LogLevel::debug, "d");
              log(LogLevel::info, "i");
              log(LogLevel::error, "e");
          }) == "error store msg=e\n");
}

TEST_CASE("a log file is appended to, and one that cannot be opened is an error") {
    const TempDir dir;
    test::write_file(dir / "log", "earlier\n");
    configure_log("store", {LogTarget::Kind::file, dir / "log"}, LogLevel::info);
    log(LogLevel::info, "later");
    configure_log("store", {}, LogLevel::warning);
    CHECK(test::read_file(dir / "log").starts_with("earlier\n2"));
    try {
        configure_log("store", {LogTarget::Kind::file, dir / "log/none"}, LogLevel::info);
        FAIL("a log file was opened below a file");
    } catch (const Error& error) {
        CHECK(error.error_class() == ErrorClass::cannot_create);
    }
}
