// ROOT/.nodes: the operator's marks.
#include "base/error.hpp"
#include "processor/node_marks.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>
#include <vector>

using namespace nodespool;
using processor::Mark;
using processor::read_node_marks;
using processor::set_node_mark;
using test::TempDir;

namespace {

std::string error_of(const TempDir& root) {
    try {
        (void)read_node_marks(root.path());
        return "no error";
    } catch (const base::Error& error) {
        CHECK(error.error_class() == base::ErrorClass::config);
        return error.what();
    }
}

std::vector<std::string> names_in(const TempDir& root) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root.path()))
        names.push_back(entry.path().filename().string());
    return names;
}

} // namespace

TEST_CASE("without the file no node is marked") {
    const TempDir root;
    CHECK(read_node_marks(root.path()).all().empty());
    CHECK(read_node_marks(root.path()).takes_new_copies("n1"));
}

TEST_CASE("a mark that was set is read back, and can be taken away") {
    const TempDir root;
    CHECK(set_node_mark(root.path(), "n1", Mark::draining) == Mark::none);
    CHECK(set_node_mark(root.path(), "n2", Mark::read_only) == Mark::none);
    CHECK(test::read_file(root / ".nodes") == "n1 draining\nn2 read-only\n");
    const auto marks = read_node_marks(root.path());
    CHECK(marks.of("n1") == Mark::draining);
    CHECK(marks.of("n2") == Mark::read_only);
    CHECK(marks.of("n3") == Mark::none);
    CHECK_FALSE(marks.takes_new_copies("n1"));
    CHECK_FALSE(marks.takes_new_copies("n2"));
    CHECK(marks.takes_new_copies("n3"));

    CHECK(set_node_mark(root.path(), "n1", Mark::read_only) == Mark::draining);
    CHECK(set_node_mark(root.path(), "n2", Mark::none) == Mark::read_only);
    CHECK(set_node_mark(root.path(), "n2", Mark::none) == Mark::none);
    CHECK(test::read_file(root / ".nodes") == "n1 read-only\n");
}

TEST_CASE("comments, blank lines and nodes that nobody configured stay as they are") {
    const TempDir root;
    test::write_file(root / ".nodes", "# moved on Monday\n\n  old-node \t read-only\r\nn1 draining");
    CHECK(set_node_mark(root.path(), "n1", Mark::none) == Mark::draining);
    CHECK(set_node_mark(root.path(), "n2", Mark::draining) == Mark::none);
    CHECK(test::read_file(root / ".nodes") ==
          "# moved on Monday\n\n  old-node \t read-only\r\nn2 draining\n");
    CHECK(read_node_marks(root.path()).of("old-node") == Mark::read_only);
}

TEST_CASE("a line that cannot be understood is an error that names it") {
    const TempDir root;
    const std::string file = root / ".nodes";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"n1 drain\n", ":1: found 'drain', expected draining or read-only"},
        {"# fine\nn1\n", ":2: found the end of the line, expected draining or read-only"},
        {"n1 draining now\n", ":1: found 'now', expected the end of the line"},
        {"../n1 draining\n", ":1: found '../n1', expected a node's name"},
        {"n1 draining\nn1 read-only\n", ":2: found a second line for node n1, expected one line a node"},
        {"n1 dra\x1bning\n", ":1: found 'dra\\x1Bning', expected draining or read-only"}};
    for (const auto& [text, expected] : cases) {
        test::write_file(file, text);
        CHECK(error_of(root) == file + expected);
        // Nothing is overwritten that was not understood.
        CHECK_THROWS_AS(set_node_mark(root.path(), "n9", Mark::draining), base::Error);
        CHECK(test::read_file(file) == text);
    }
}

TEST_CASE("a .nodes that is no regular file is not taken for one without marks") {
    const TempDir root;
    std::filesystem::create_symlink("/dev/null", root / ".nodes");
    CHECK(error_of(root) == (root / ".nodes") + ": found a symbolic link, expected a regular file");
}

TEST_CASE("marks set at once by several operators are all there") {
    const TempDir root;
    std::vector<std::thread> operators;
    for (int one = 0; one < 4; ++one)
        operators.emplace_back([&, one] {
            for (int node = 0; node < 10; ++node)
                set_node_mark(root.path(), "n" + std::to_string(one * 10 + node), Mark::draining);
        });
    for (std::thread& one : operators)
        one.join();
    CHECK(read_node_marks(root.path()).all().size() == 40);
}

TEST_CASE("setting a mark and being killed at any call leaves the old marks or the new ones") {
    for (int point = 1;; ++point) {
        INFO("killed at call ", point);
        const TempDir root;
        set_node_mark(root.path(), "n1", Mark::draining);
        const bool died = test::run_dying_at(point, [&] {
                              set_node_mark(root.path(), "n2", Mark::read_only);
                          }) == test::Ended::died_at_the_fault;
        const std::string text = test::read_file(root / ".nodes");
        CHECK((text == "n1 draining\n" || text == "n1 draining\nn2 read-only\n"));
        set_node_mark(root.path(), "n3", Mark::draining);
        CHECK(names_in(root).size() == 2); // .nodes and .state: what was left has been cleared away
        if (!died) {
            CHECK(point > 4);
            break;
        }
    }
}

TEST_CASE("a long run sees each change") {
    const TempDir root;
    processor::NodeMarksFile file(root.path());
    CHECK(file.current().all().empty());
    set_node_mark(root.path(), "n1", Mark::draining);
    CHECK(file.current().of("n1") == Mark::draining);
    set_node_mark(root.path(), "n1", Mark::none);
    CHECK(file.current().of("n1") == Mark::none);

    test::write_file(root / ".nodes", "n1 draining\n");
    CHECK(file.current().of("n1") == Mark::draining);
    std::filesystem::remove(root / ".nodes");
    CHECK(file.current().of("n1") == Mark::none);

    test::write_file(root / ".nodes", "n1 nonsense\n");
    CHECK_THROWS_AS((void)file.current(), base::Error);
    CHECK_THROWS_AS((void)file.current(), base::Error);
    test::write_file(root / ".nodes", "n1 read-only\n");
    CHECK(file.current().of("n1") == Mark::read_only);
}
