// check: what it finds, and what it must not take for a finding.
#include "processor/link_jobs.hpp"
#include "processor/removals.hpp"
#include "processor/sending_log.hpp"
#include "queue/outbox.hpp"
#include "support/audit_world.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace nodespool;
using test::AuditWorld;
using Lines = std::vector<std::string>;

namespace {

const std::string k_time = "1700000000.000000005";

void queue_removal(const AuditWorld& world, const catalog::Copy& copy) {
    const queue::Spool spool(world.root(), base::system_clock());
    queue::Outbox outbox(spool);
    outbox.add(processor::remove_job(copy, "f", 1), queue::Priority::normal, "");
    outbox.commit();
}

} // namespace

TEST_CASE("check of a sound cluster prints nothing") {
    AuditWorld world;
    world.record("a/b", "content", {"n1 00/01/x", "n2 05/06/y"}, 2);
    world.record("empty", "", {"n1 00/01/z"});
    CHECK(world.check().empty());
    CHECK(world.check({{}, {}, upkeep::ReadBack::yes, {}, {}}).empty());
    CHECK_FALSE(world.check_summary().nodes_failed);
    CHECK_FALSE(world.check_summary().unreadable);
}

TEST_CASE("check of a cluster without any state prints nothing and makes nothing") {
    AuditWorld world;
    CHECK(world.check().empty());
    CHECK_FALSE(std::filesystem::exists(world.root() + "/.links"));
    CHECK_FALSE(std::filesystem::exists(world.root() + "/.queue"));
}

TEST_CASE("check finds orphans, missing copies and wrong sizes") {
    AuditWorld world;
    world.record("gone away", "12345", {"n1 00/00/a", "n2 00/00/b"}, 2);
    world.record("cut", "12345", {"n1 00/00/c"});
    world.take_copy("n1", "00/00/a");
    world.put_copy("n1", "00/00/c", "123");
    world.put_copy("n2", "00/00/stray file", "1234567");
    CHECK(world.check() == Lines{"missing n1 00/00/a gone%20away 5", "orphan n2 00/00/stray%20file 7",
                                 "size n1 00/00/c cut 5 3"});
}

TEST_CASE("check --checksum finds changed content of the right size, and compares others by size") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    catalog::Link plain = world.record("without", "12345", {"n1 c"});
    plain.checksum.clear();
    world.write_link(plain);
    world.put_copy("n2", "b", "12x45");
    world.put_copy("n1", "c", "other");
    CHECK(world.check().empty());
    const Lines found = world.check({{}, {}, upkeep::ReadBack::yes, {}, {}});
    REQUIRE(found.size() == 1);
    CHECK(found.front().starts_with("content n2 b f sha256:"));
}

TEST_CASE("check finds files with too few copies, but not where a replicate job waits") {
    AuditWorld world;
    world.record("one", "1", {"n1 a"}, 2);
    world.record("two", "1", {"n1 b"}, 2);
    world.record("enough", "1", {"n1 c"}, 1);
    world.record("none", "1", {}, 2);
    const queue::Spool spool(world.root(), base::system_clock()); // makes the directories
    world.queue("1.q", "replicate two 1 " + k_time + " copies=2\n");
    CHECK(world.check() == Lines{"lost none 1 " + k_time, "short one 1 " + k_time + " 1 2"});
    world.queue("1.q", "replicate two 1 " + k_time + " copies=1\n");
    CHECK(world.check() ==
          Lines{"lost none 1 " + k_time, "short one 1 " + k_time + " 1 2", "short two 1 " + k_time + " 1 2"});
}

TEST_CASE("a gone line that stays is a finding, and its copy is no orphan") {
    AuditWorld world;
    catalog::Link link = world.record("f", "1", {"n1 a"});
    link.gone.push_back({"n2", "old", {}});
    world.put_copy("n2", "old", "old");
    world.write_link(link);
    CHECK(world.check() == Lines{"gone n2 old f"});
}

TEST_CASE("what a sending log, .deleted/ or a remove job names is no orphan") {
    AuditWorld world;
    for (const char* name : {"sending", "ready", "deferred", "held", "rejected", "deleted", "gone-deleted"})
        world.put_copy("n1", name, "1");
    processor::SendingLog log(world.root(), base::system_clock());
    const auto entry = log.note({"n1", "sending", "f", 1, {}});
    queue_removal(world, {"n1", "ready", {}});
    world.queue("1.q", "remove n1 deferred 1 not-before=99999999999.0 attempts=3\n");
    world.queue("held/2.q", "remove n1 held 1\n");
    world.queue("rejected/3.q", "remove n1 rejected 1\n");
    test::write_file(world.root() + "/.deleted/20261120-201503.123456-h-1-1",
                     "f 1 0 5\nserver n1 deleted\ngone n1 gone-deleted\n");
    CHECK(world.check().empty());
    // The same name on another node is explained by nothing.
    world.put_copy("n2", "ready", "1");
    CHECK(world.check() == Lines{"orphan n2 ready 1"});
    log.settle(entry);
    CHECK(world.check() == Lines{"orphan n1 sending 1", "orphan n2 ready 1"});
}

TEST_CASE("a sending log of a dead process explains its copies too") {
    AuditWorld world;
    world.put_copy("n1", "part", "1");
    test::write_file(world.root() + "/.state/sending-h-1-x.log", "# settled\nn1 part f 5 1.5\nn1 cut");
    CHECK(world.check().empty());
}

TEST_CASE("a node that does not answer yields no finding, the others do") {
    AuditWorld world;
    world.record("f", "1", {"n1 a", "n2 b"}, 2);
    world.put_copy("n2", "stray", "1");
    world.take_copy("n2", "b");
    std::filesystem::rename(world.root() + "/n1", world.root() + "/away");
    CHECK(world.check() == Lines{"missing n2 b f 1", "orphan n2 stray 1"});
    CHECK(world.check_summary().nodes_failed);
}

TEST_CASE("copies on a node that is not configured are told as not checked") {
    AuditWorld world;
    world.record("f", "1", {"n1 a"}, 1);
    catalog::Link link = world.record("g", "1", {"n1 b"}, 1);
    link.servers.push_back({"n9", "c", {}});
    world.write_link(link);
    CHECK(world.check().empty());
    CHECK(world.check_summary().nodes_failed);
    CHECK_FALSE(world.check_summary({{"n1"}, {}, upkeep::ReadBack::no, {}, {}}).nodes_failed);
}

TEST_CASE("while a link file cannot be understood nothing is called an orphan") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a"});
    world.take_copy("n1", "a");
    world.put_copy("n1", "b", "1");
    test::write_file(world.root() + "/.links/broken", "broken x\n");
    const Lines found = world.check();
    REQUIRE(found.size() == 2);
    CHECK(found[0] == "missing n1 a f 5");
    CHECK(found[1].starts_with("unreadable broken "));
    CHECK(world.check_summary().unreadable);
}

TEST_CASE("check of some nodes tells of these nodes only") {
    AuditWorld world;
    world.record("f", "1", {"n1 a", "n2 b"}, 3);
    world.take_copy("n1", "a");
    world.take_copy("n2", "b");
    world.put_copy("n1", "stray", "1");
    world.put_copy("n2", "stray", "1");
    CHECK(world.check({{"n2"}, {}, upkeep::ReadBack::no, {}, {}}) ==
          Lines{"missing n2 b f 1", "orphan n2 stray 1"});
}

TEST_CASE("check of some paths tells of these files only, each finding once") {
    AuditWorld world;
    world.record("d/f", "1", {"n1 a"}, 2);
    world.record("d/g", "1", {"n1 b"}, 1);
    world.record("e", "1", {"n1 c"}, 2);
    world.take_copy("n1", "b");
    world.take_copy("n1", "c");
    world.put_copy("n1", "stray", "1");
    CHECK(world.check({{}, {"d/g", "d", "d/f"}, upkeep::ReadBack::no, {}, {}}) ==
          Lines{"missing n1 b d/g 1", "short d/f 1 " + k_time + " 1 2"});
}

TEST_CASE("names that no node can be asked for are told from the list") {
    AuditWorld world;
    world.put_copy("n1", "new\nline", "12");
    CHECK(world.check() == Lines{"orphan n1 new%0Aline 2"});
}

TEST_CASE("check ends at once where its findings cannot be written any more") {
    AuditWorld world;
    for (int i = 0; i < 300; ++i) {
        const std::string n = std::to_string(i);
        world.record(n, "1", {"n1 a" + n, "n2 b" + n}, 2);
        world.take_copy("n1", "a" + n);
        world.take_copy("n2", "b" + n);
    }
    int told = 0;
    upkeep::AuditOptions options;
    options.settle = std::chrono::milliseconds(0);
    options.on_finding = [&](const upkeep::Finding&) {
        ++told;
        throw base::Error(base::ErrorClass::io, "the reader is gone");
    };
    CHECK_THROWS_WITH_AS(upkeep::audit(world.cluster, options), "the reader is gone", base::Error);
    CHECK(told < 10);
}
