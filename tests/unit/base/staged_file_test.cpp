// Publication of files: at every fault the name is as it was, or whole and new.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/staged_file.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

using namespace nodespool;
using namespace nodespool::base;
using test::Ended;
using test::Fault;
using test::FaultAt;
using test::TempDir;

namespace {

const std::string k_old = "old content\n";
const std::string k_new(200'000, 'n'); // several buffers

void publish_new(const TempDir& dir) {
    const Fd fd = open_directory(dir.path());
    publish(fd.get(), "name", k_new, 0640, Replace::yes);
}

/// What stands in the directory: "old", "new", or what should not be.
std::string state_of(const TempDir& dir) {
    const std::string content = test::read_file(dir / "name");
    return content == k_old ? "old" : content == k_new ? "new" : "torn";
}

std::size_t entries_of(const TempDir& dir) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path()))
        ++count;
    return count;
}

/// Old up to some fault, new from the next on: never torn, never back.
void check_one_commit(const std::vector<std::string>& states) {
    REQUIRE(states.size() >= 5); // create, write, sync, rename, sync of the directory at least
    CHECK(states.front() == "old");
    CHECK(states.back() == "new");
    bool committed = false;
    for (const std::string& state : states) {
        committed = committed || state == "new";
        CHECK(state == (committed ? "new" : "old"));
    }
}

} // namespace

TEST_CASE("a file is published whole, with its mode, and replaces only where that is meant") {
    const TempDir dir;
    const Fd fd = open_directory(dir.path());
    CHECK(publish(fd.get(), "name", "one", 0660, Replace::no));
    CHECK(test::read_file(dir / "name") == "one");
    CHECK(status_at(fd.get(), "name")->mode == 0660);
    CHECK_FALSE(publish(fd.get(), "name", "two", 0660, Replace::no));
    CHECK(test::read_file(dir / "name") == "one");
    CHECK(publish(fd.get(), "name", "three", 0600, Replace::yes));
    CHECK(test::read_file(dir / "name") == "three");
    CHECK(status_at(fd.get(), "name")->mode == 0600);
    CHECK(entries_of(dir) == 1);
}

TEST_CASE(
    "a publication that fails at any call leaves the old file or the whole new one, and nothing beside it") {
    std::vector<std::string> states;
    for (int call = 1;; ++call) {
        const TempDir dir;
        test::write_file(dir / "name", k_old);
        bool failed = false;
        {
            const FaultAt fault(Fault::fails, call);
            try {
                publish_new(dir);
            } catch (const SystemError& error) {
                CHECK(error.code() == EIO);
                failed = true;
            }
            if (!fault.was_reached())
                break;
        }
        CHECK(failed);
        states.push_back(state_of(dir));
        CHECK(entries_of(dir) == 1);
        publish_new(dir);
        CHECK(state_of(dir) == "new");
    }
    check_one_commit(states);
}

TEST_CASE("a process that dies at any call of a publication leaves the old file or the whole new one") {
    std::vector<std::string> states;
    for (int call = 1;; ++call) {
        const TempDir dir;
        test::write_file(dir / "name", k_old);
        if (test::run_dying_at(call, [&] { publish_new(dir); }) == Ended::normally)
            break;
        states.push_back(state_of(dir));
        // The next run clears away what was left.
        const bool left_something = entries_of(dir) > 1;
        const Fd fd = open_directory(dir.path());
        CHECK(clear_abandoned(fd.get(), dir.path()) == (left_something ? 1 : 0));
        CHECK(entries_of(dir) == 1);
        publish_new(dir);
        CHECK(state_of(dir) == "new");
    }
    check_one_commit(states);
}

TEST_CASE("content goes to disk before the name: no rename without a sync after the last byte") {
    const TempDir dir;
    const Fd fd = open_directory(dir.path());
    StagedFile file(fd.get(), "name", 0600);
    file.append("early");
    CHECK_THROWS_AS(file.rename_to(fd.get(), "name", Replace::yes), Error);
    file.sync();
    file.append("late");
    CHECK_THROWS_AS(file.rename_to(fd.get(), "name", Replace::yes), Error);
    file.sync();
    CHECK(file.size_bytes() == 9);
    CHECK(file.rename_to(fd.get(), "name", Replace::yes));
    CHECK(test::read_file(dir / "name") == "earlylate");
}

TEST_CASE("a staged file that is given up leaves nothing, one that was moved from neither") {
    const TempDir dir;
    const Fd fd = open_directory(dir.path());
    {
        StagedFile first(fd.get(), "name", 0600);
        first.append("x");
        StagedFile second(std::move(first));
        second.sync();
        CHECK(second.rename_to(fd.get(), "name", Replace::yes));
    }
    CHECK(test::read_file(dir / "name") == "x");
    { const StagedFile given_up(fd.get(), "other", 0600); }
    CHECK(entries_of(dir) == 1);
}

TEST_CASE("a temporary is cleared away where its writer is gone, and left alone while it is written") {
    const TempDir dir;
    const Fd fd = open_directory(dir.path());
    test::write_file(dir / ".abandoned.0123456789abcdef.tmp", "half");
    test::write_file(dir / "not-temporary", "x");
    test::write_file(dir / ".somebody-else's.tmp", "x");
    StagedFile live(fd.get(), "live", 0600);
    live.append("x");
    CHECK(clear_abandoned(fd.get(), dir.path()) == 1);
    CHECK_FALSE(status_at(fd.get(), ".abandoned.0123456789abcdef.tmp").has_value());
    live.sync();
    CHECK(live.rename_to(fd.get(), "name", Replace::no));
    CHECK(clear_abandoned(fd.get(), dir.path()) == 0);
    CHECK(entries_of(dir) == 3);
}
