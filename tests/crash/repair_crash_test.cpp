// repair, killed and failed at every call that changes the disk, then check and repair again until quiet.
#include "support/audit_world.hpp"
#include "support/fault.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

using namespace nodespool;
using test::AuditWorld;
using test::Ended;
using Lines = std::vector<std::string>;

namespace {

const std::string k_time = "1700000000.000000005";

/// One of everything.
void prepare(const AuditWorld& world) {
    world.record("missing", "12345", {"n1 m1", "n2 m2"}, 2);
    world.record("cut", "12345", {"n1 c1", "n2 c2"}, 2);
    world.record("only", "12345", {"n1 o1"});
    world.record("too-few", "12345", {"n1 f1"}, 2);
    world.record("sound", "12345", {"n1 s1", "n2 s2"}, 2);
    catalog::Link gone = world.record("gone", "12345", {"n1 g1"});
    gone.gone.push_back({"n2", "g2", {}});
    world.write_link(gone);
    world.put_copy("n2", "g2", "old");
    world.take_copy("n1", "m1");
    world.take_copy("n1", "o1");
    world.put_copy("n1", "c1", "1");
    world.put_copy("n2", "00/stray", "stray");
}

bool has_copy(const AuditWorld& world, const std::string& path, const std::string& node,
              const std::string& name) {
    const auto link = world.link(path);
    return link && link->has_copy({node, name, {}});
}

/// Whatever happened, after check and repair ran undisturbed.
void converge(const AuditWorld& world) {
    world.check_and_repair();
    world.check_and_repair();
    CHECK(world.check() == Lines{"lost only 5 " + k_time});
    CHECK(has_copy(world, "missing", "n2", "m2"));
    CHECK_FALSE(has_copy(world, "missing", "n1", "m1"));
    CHECK(has_copy(world, "cut", "n2", "c2"));
    CHECK_FALSE(has_copy(world, "cut", "n1", "c1"));
    CHECK(has_copy(world, "sound", "n1", "s1"));
    CHECK(has_copy(world, "sound", "n2", "s2"));
    CHECK(has_copy(world, "gone", "n1", "g1"));
    CHECK(has_copy(world, "lost+found/n2/00/stray", "n2", "00/stray"));
    CHECK(world.temporaries().empty());
    // Each job is there; once, but for removals, whose repetition does no harm.
    const Lines jobs = world.jobs();
    for (const char* path : {"missing", "cut", "too-few"})
        CHECK(std::count(jobs.begin(), jobs.end(),
                         "replicate " + std::string(path) + " 5 " + k_time + " copies=2") == 1);
    const std::set<std::string> once(jobs.begin(), jobs.end());
    CHECK(once.contains("remove n1 c1 0 path=cut"));
    CHECK(once.contains("remove n2 g2 0 path=gone"));
    CHECK(once.size() == 5);
}

} // namespace

TEST_CASE("repair killed at any call loses nothing and doubles nothing") {
    int points = 0;
    for (;;) {
        const AuditWorld world;
        prepare(world);
        const Lines found = world.check();
        INFO("killed at call ", points + 1);
        if (test::run_dying_at(points + 1, [&] { world.repair(found); }) == Ended::normally)
            break;
        ++points;
        converge(world);
    }
    MESSAGE("killed at ", points, " points");
    CHECK(points > 30);
}

TEST_CASE("repair whose calls fail one at a time loses nothing") {
    int points = 0;
    for (bool reached = true; reached;) {
        const AuditWorld world;
        prepare(world);
        const Lines found = world.check();
        INFO("failing at call ", points + 1);
        {
            const test::FaultAt fault(test::Fault::fails, points + 1);
            try {
                world.repair(found);
            } catch (const base::Error&) {
                // The program ends with a message and an exit status; check and repair run again.
            }
            reached = fault.was_reached();
        }
        if (!reached)
            break;
        ++points;
        converge(world);
    }
    MESSAGE("failed at ", points, " points");
    CHECK(points > 30);
}

TEST_CASE("repair that deletes orphans, killed at any call, queues their removal") {
    const upkeep::RepairOptions options{upkeep::Orphans::remove, upkeep::Intent::change, {}};
    int points = 0;
    for (;;) {
        const AuditWorld world;
        world.put_copy("n1", "stray", "12345");
        INFO("killed at call ", points + 1);
        if (test::run_dying_at(points + 1, [&] { world.repair({"orphan n1 stray 5"}, options); }) ==
            Ended::normally)
            break;
        ++points;
        world.repair(world.check(), options);
        CHECK(world.check().empty());
        CHECK(world.jobs() == Lines{"remove n1 stray 5 path=lost+found/n1/stray"});
        CHECK(world.temporaries().empty());
    }
    CHECK(points > 3);
}
