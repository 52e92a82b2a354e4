// Trying out a node.
#include "support/copies.hpp"
#include "upkeep/probe.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace nodespool;
using test::CopyWorld;
using upkeep::Probed;
using upkeep::ProbeWrites;

namespace {

Probed probe(const CopyWorld& world, ProbeWrites writes = ProbeWrites::yes) {
    processor::SendingLog log(world.root(), base::system_clock());
    return upkeep::probe_node(world.cluster.nodes.front(), writes, log, base::system_clock());
}

std::vector<std::string> steps_of(const Probed& probed) {
    std::vector<std::string> names;
    for (const upkeep::ProbeStep& step : probed.steps)
        names.emplace_back(step.name);
    return names;
}

} // namespace

TEST_CASE("a probe of a sound node takes four steps and leaves nothing") {
    CopyWorld world;
    const Probed probed = probe(world);
    CHECK_FALSE(probed.failure.has_value());
    CHECK(steps_of(probed) == std::vector<std::string>{"login", "write", "read", "delete"});
    CHECK(world.on_node("n1").empty());
    CHECK(world.temporaries().empty());
    CHECK(upkeep::health_of(probed, {5, 0}).state == processor::NodeState::up);
    CHECK(upkeep::health_of(probed, {5, 0}).last_success.value().seconds == 5);
}

TEST_CASE("a node that is read-only is not written to") {
    CopyWorld world;
    CHECK(steps_of(probe(world, ProbeWrites::no)) == std::vector<std::string>{"login"});
    CHECK(std::filesystem::is_empty(world.root() + "/n1"));
}

TEST_CASE("a node whose root is not there is down") {
    CopyWorld world;
    std::filesystem::remove(world.root() + "/n1");
    const Probed probed = probe(world);
    REQUIRE(probed.failure.has_value());
    CHECK(*probed.failure == node::Failure::node_down);
    CHECK(probed.error.starts_with("n1: "));
    const auto health = upkeep::health_of(probed, {7, 0});
    CHECK(health.state == processor::NodeState::down);
    CHECK(health.last_error.value().text == probed.error);
    CHECK(health.last_error->time.seconds == 7);
    CHECK_FALSE(health.last_success.has_value());
}

TEST_CASE("a node that answers and refuses is up, with an error") {
    Probed probed;
    probed.failure = node::Failure::permanent;
    probed.error = "n1: cannot put x: 553";
    CHECK(upkeep::health_of(probed, {7, 0}).state == processor::NodeState::up);
    CHECK(upkeep::health_of(probed, {7, 0}).last_error.has_value());
    probed.failure = node::Failure::node_full;
    CHECK(upkeep::health_of(probed, {7, 0}).state == processor::NodeState::full);
    probed.failure = node::Failure::node_unwritable;
    CHECK(upkeep::health_of(probed, {7, 0}).state == processor::NodeState::unwritable);
}
