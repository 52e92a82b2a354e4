// Node health as people see it.
#include "base/file_system.hpp"
#include "processor/node_state.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace nodespool;
using processor::NodeState;
using processor::read_node_health;
using processor::record_node_health;
using processor::RecordedHealth;
using test::TempDir;

namespace {

RecordedHealth failed(NodeState state, std::int64_t time_s, const std::string& text) {
    RecordedHealth health;
    health.state = state;
    health.since = {time_s, 0};
    health.last_error = {{time_s, 0}, text};
    health.program = "store";
    return health;
}

RecordedHealth succeeded(std::int64_t time_s) {
    RecordedHealth health;
    health.since = {time_s, 0};
    health.last_success = base::Timestamp{time_s, 0};
    health.program = "nodes";
    return health;
}

} // namespace

TEST_CASE("nothing recorded: no node has a health") {
    const TempDir root;
    CHECK(read_node_health(root.path()).empty());
}

TEST_CASE("an error keeps the last success, a success the last error, and the same state its beginning") {
    const TempDir root;
    record_node_health(root.path(), "n1", succeeded(100));
    record_node_health(root.path(), "n1", failed(NodeState::down, 200, "n1: cannot connect"));
    record_node_health(root.path(), "n1", failed(NodeState::down, 300, "n1: cannot connect: refused"));
    RecordedHealth health = read_node_health(root.path()).at("n1");
    CHECK(health.state == NodeState::down);
    CHECK(health.since.seconds == 200);
    CHECK(health.last_error.value().time.seconds == 300);
    CHECK(health.last_error->text == "n1: cannot connect: refused");
    CHECK(health.last_success.value().seconds == 100);
    CHECK(health.program == "store");

    record_node_health(root.path(), "n1", succeeded(400));
    health = read_node_health(root.path()).at("n1");
    CHECK(health.state == NodeState::up);
    CHECK(health.since.seconds == 400);
    CHECK(health.last_error.value().time.seconds == 300);
    CHECK(health.last_success.value().seconds == 400);
    CHECK(health.program == "nodes");
}

TEST_CASE("an error of several lines becomes one line") {
    const TempDir root;
    record_node_health(root.path(), "n1", failed(NodeState::full, 5, "n1: 452\nstate up\nby \x1b[31m"));
    const RecordedHealth health = read_node_health(root.path()).at("n1");
    CHECK(health.state == NodeState::full);
    CHECK(health.last_error.value().text == "n1: 452\\x0Astate up\\x0Aby \\x1B[31m");
    CHECK(health.program == "store");
}

TEST_CASE("a file that cannot be understood is passed over and replaced, those of other nodes are read") {
    const TempDir root;
    record_node_health(root.path(), "n1", succeeded(100));
    test::write_file(root / ".state/health/n2", "state sideways\n");
    test::write_file(root / ".state/health/n3", "");
    test::write_file(root / ".state/health/.n4.0123456789abcdef.tmp", "state up\n");
    CHECK(read_node_health(root.path()).size() == 1);
    record_node_health(root.path(), "n2", failed(NodeState::down, 7, "n2: down"));
    CHECK(read_node_health(root.path()).at("n2").state == NodeState::down);
    CHECK_FALSE(std::filesystem::exists(root / ".state/health/.n4.0123456789abcdef.tmp"));
}

TEST_CASE("lines of a later version are no hindrance") {
    const TempDir root;
    test::write_file(root / ".state/health/n1", "state full\nsince 5.000000000\nmood good\nby store\n");
    CHECK(read_node_health(root.path()).at("n1").state == NodeState::full);
}

TEST_CASE("where it cannot be recorded, nothing is thrown") {
    const TempDir root;
    test::write_file(root / ".state", "a file where the directory should be");
    CHECK_NOTHROW(record_node_health(root.path(), "n1", succeeded(1)));
    CHECK(read_node_health(root.path()).empty());
}
