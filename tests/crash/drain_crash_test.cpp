// drain, forget and a probe, killed and failed at every call that changes the disk, then simply run again.
#include "base/error.hpp"
#include "support/copies.hpp"
#include "support/fault.hpp"
#include "upkeep/drain.hpp"
#include "upkeep/forget.hpp"
#include "upkeep/probe.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>

using namespace nodespool;
using processor::Mark;
using test::CopyWorld;
using test::Ended;

namespace {

const char* const k_movable[] = {"f", "d/g", "d/e/h"};

/// Files that can be dropped at once, one that must be replicated first, one whose other copy is damaged, and
/// a `gone` line that somebody left.
void prepare(CopyWorld& world) {
    for (const char* path : k_movable)
        world.plant(path, "12345", {"n1", "n2"});
    world.plant("two", "1234567", {"n2", "n1", "n3"}, 2);
    world.plant("alone", "12", {"n1"});
    world.plant("damaged", "123456", {"n1", "n3"});
    test::write_file(world.file_on("damaged", "n3"), "123");
    world.plant("left", "1", {"n2"});
    catalog::Link left = world.link("left").value();
    left.gone = {CopyWorld::copy_of("left", "n1")};
    test::write_file(world.file_on("left", "n1"), "0");
    world.put(left);
}

void drain(const CopyWorld& world) {
    world.mark("n1", Mark::draining);
    const queue::Spool spool(world.root(), base::system_clock());
    const catalog::Catalog catalog(world.root());
    upkeep::drain(world.cluster, catalog, &spool, "n1", {});
}

/// What holds at every moment: no file has fewer sound copies recorded than it is to have (or ever had).
void check_nothing_is_lost(const CopyWorld& world) {
    for (const char* path : k_movable)
        CHECK(world.sound_copies(path) >= 1);
    CHECK(world.sound_copies("two") >= 2);
    CHECK(world.sound_copies("alone") == 1);
    CHECK(world.sound_copies("damaged") == 1);
    CHECK(world.sound_copies("left") == 1);
}

/// What holds when drain has run undisturbed again.
void check_drained(const CopyWorld& world) {
    check_nothing_is_lost(world);
    for (const char* path : k_movable)
        CHECK(world.nodes_of(path) == "n2");
    CHECK(world.nodes_of("two") == "n2,n3");
    CHECK(world.nodes_of("alone") == "n1");
    CHECK(world.nodes_of("damaged") == "n1,n3");
    CHECK(world.link("left").value().gone.empty());
    CHECK(world.jobs_of("replicate") ==
          std::vector<std::string>{"replicate alone 2 1700000000.123456789 copies=1"});
    // Every copy on a node is recorded or has a `remove` job (twice does no harm).
    CHECK(world.unrecorded().empty());
    std::vector<std::string> removals = world.jobs_of("remove");
    removals.erase(std::unique(removals.begin(), removals.end()), removals.end());
    CHECK(removals.size() >= 5);
    CHECK(world.temporaries().empty());
}

void forget(const CopyWorld& world) {
    world.mark("n1", Mark::draining);
    const queue::Spool spool(world.root(), base::system_clock());
    const catalog::Catalog catalog(world.root());
    upkeep::ForgetListener listener;
    listener.on_lost = [&](const catalog::Link& link, upkeep::InFileSpace) {
        std::ofstream(world.root() + "/printed", std::ios::app) << link.path << '\n';
    };
    listener.flush = [] {};
    upkeep::forget(world.cluster, catalog, &spool, "n1", upkeep::Replicate::yes, listener);
}

/// One lost file, one that the file space still holds, one that is short of copies afterwards.
void prepare_lost_node(CopyWorld& world) {
    for (const char* path : k_movable)
        world.plant(path, "12345", {"n1", "n2"});
    world.plant("short", "1234567", {"n1", "n2"}, 2);
    world.plant("lost", "12", {"n1"});
    const auto status = world.upload("here", "123");
    world.plant("here", "123", {"n1"});
    catalog::Link link = world.link("here").value();
    link.mtime = {status.mtime, 9};
    link.gone = {{"n1", "00/00/old1", {}}, {"n3", "00/00/old3", {}}};
    world.put(link);
    std::filesystem::remove_all(world.root() + "/n1");
    std::filesystem::create_directory(world.root() + "/n1");
}

/// A link file that lost its last copy was told before.
void check_told(const CopyWorld& world) {
    std::set<std::string> printed;
    std::ifstream in(world.root() + "/printed");
    for (std::string line; std::getline(in, line);)
        printed.insert(line);
    for (const char* path : {"lost", "here"})
        if (world.link(path).value().servers.empty())
            CHECK(printed.contains(path));
}

void check_forgotten(const CopyWorld& world) {
    for (const char* path : k_movable)
        CHECK(world.nodes_of(path) == "n2");
    CHECK(world.nodes_of("short") == "n2");
    CHECK(world.link("lost").value().servers.empty());
    CHECK(world.link("here").value().servers.empty());
    CHECK(world.link("here").value().gone.empty());
    check_told(world);
    CHECK(world.jobs_of("replicate") ==
          std::vector<std::string>{"replicate short 7 1700000000.123456789 copies=2"});
    CHECK(world.jobs_of("store").size() == 1);
    std::vector<std::string> removals = world.jobs_of("remove");
    removals.erase(std::unique(removals.begin(), removals.end()), removals.end());
    CHECK(removals == std::vector<std::string>{"remove n3 00/00/old3 0 path=here"});
    CHECK(world.temporaries().empty());
}

template <typename Prepare, typename Run, typename CheckBetween, typename CheckAfter>
int kill_everywhere(Prepare prepare_world, Run run, CheckBetween check_between, CheckAfter check_after) {
    for (int points = 0;; ++points) {
        CopyWorld world;
        prepare_world(world);
        INFO("killed at call ", points + 1);
        const Ended ended = test::run_dying_at(points + 1, [&] { run(world); });
        check_between(world);
        if (ended == Ended::normally) {
            check_after(world);
            return points;
        }
        run(world);
        check_after(world);
    }
}

template <typename Prepare, typename Run, typename CheckBetween, typename CheckAfter>
int fail_everywhere(Prepare prepare_world, Run run, CheckBetween check_between, CheckAfter check_after) {
    for (int points = 0;; ++points) {
        CopyWorld world;
        prepare_world(world);
        INFO("failing at call ", points + 1);
        bool reached = false;
        {
            const test::FaultAt fault(test::Fault::fails, points + 1);
            try {
                run(world);
            } catch (const base::Error&) {
                // The program ends with a message and an exit status; the next run goes on.
            }
            reached = fault.was_reached();
        }
        check_between(world);
        if (!reached)
            return points;
        run(world);
        check_after(world);
    }
}

} // namespace

TEST_CASE("drain killed at any call keeps enough copies, and the next run ends where one would have") {
    const int points = kill_everywhere(prepare, drain, check_nothing_is_lost, check_drained);
    MESSAGE("killed at ", points, " points");
    CHECK(points > 40);
}

TEST_CASE("drain whose calls fail one at a time keeps enough copies") {
    CHECK(fail_everywhere(prepare, drain, check_nothing_is_lost, check_drained) > 40);
}

TEST_CASE("forget killed at any call tells what is lost, and the next run queues what is missing") {
    const int points = kill_everywhere(prepare_lost_node, forget, check_told, check_forgotten);
    MESSAGE("killed at ", points, " points");
    CHECK(points > 40);
}

TEST_CASE("a probe killed at any call leaves nothing on the node once a processor has settled it") {
    int points = 0;
    for (;; ++points) {
        CopyWorld world;
        INFO("killed at call ", points + 1);
        const Ended ended = test::run_dying_at(points + 1, [&] {
            processor::SendingLog log(world.root(), base::system_clock());
            upkeep::probe_node(world.cluster.nodes.front(), upkeep::ProbeWrites::yes, log,
                               base::system_clock());
        });
        world.store(); // settles what it finds
        CHECK(world.on_node("n1").empty());
        CHECK(world.temporaries().empty());
        CHECK(world.jobs().empty());
        if (ended == Ended::normally)
            break;
    }
    CHECK(points > 8);
}

TEST_CASE("forget whose calls fail one at a time tells what is lost") {
    CHECK(fail_everywhere(prepare_lost_node, forget, check_told, check_forgotten) > 40);
}
