// repair: what becomes of findings, true ones and stale ones.
#include "processor/removals.hpp"
#include "support/audit_world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

using namespace nodespool;
using test::AuditWorld;
using Lines = std::vector<std::string>;

namespace {

const std::string k_time = "1700000000.000000005";
const upkeep::RepairOptions k_delete{upkeep::Orphans::remove, upkeep::Intent::change, {}};
const upkeep::RepairOptions k_pretend{upkeep::Orphans::adopt, upkeep::Intent::pretend, {}};

Lines places_of(const AuditWorld& world, const std::string& path) {
    Lines places;
    const catalog::Link link = world.link(path).value();
    for (const catalog::Copy& copy : link.servers)
        places.push_back(copy.node + " " + copy.name);
    return places;
}

} // namespace

TEST_CASE("a missing copy leaves the link file, and a job makes a new one") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    world.take_copy("n1", "a");
    CHECK(world.check_and_repair() == Lines{"dropped missing n1 a f 5"});
    CHECK(places_of(world, "f") == Lines{"n2 b"});
    CHECK(world.jobs() == Lines{"replicate f 5 " + k_time + " copies=2"});
    CHECK(world.check().empty());
}

TEST_CASE("a file that loses its last copy keeps its link file, and is told") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a"});
    world.take_copy("n1", "a");
    CHECK(world.check_and_repair() == Lines{"lost missing n1 a f 5"});
    CHECK(places_of(world, "f").empty());
    CHECK(world.jobs().empty());
    CHECK(world.check() == Lines{"lost f 5 " + k_time});
    CHECK(world.check_and_repair() == Lines{"lost lost f 5 " + k_time});
}

TEST_CASE("a file without a copy whose local file is there is stored again, once") {
    AuditWorld world;
    world.upload("f", "12345", base::Timestamp{1700000000, 5});
    world.record("f", "12345", {"n1 a"});
    world.take_copy("n1", "a");
    CHECK(world.check_and_repair() == Lines{"store-queued missing n1 a f 5"});
    CHECK(world.jobs() == Lines{"store f 5 " + k_time});
    CHECK(world.check_and_repair() == Lines{"store-queued lost f 5 " + k_time});
    CHECK(world.jobs() == Lines{"store f 5 " + k_time});
    world.store();
    CHECK(world.stored("f") == "12345");
    CHECK(world.check().empty());
}

TEST_CASE("another version in the file space is not what was lost") {
    AuditWorld world;
    world.upload("f", "123456", base::Timestamp{1700000000, 5});
    world.record("f", "12345", {"n1 a"});
    world.take_copy("n1", "a");
    CHECK(world.check_and_repair() == Lines{"lost missing n1 a f 5"});
    CHECK(world.jobs().empty());
}

TEST_CASE("a damaged copy is replaced where a sound one was seen") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    world.put_copy("n1", "a", "12");
    CHECK(world.check_and_repair() == Lines{"removal-queued size n1 a f 5 2"});
    CHECK(places_of(world, "f") == Lines{"n2 b"});
    CHECK(world.link("f").value().gone.empty());
    CHECK(world.jobs() == Lines{"remove n1 a 0 path=f", "replicate f 5 " + k_time + " copies=2"});
    CHECK(world.check().empty());
}

TEST_CASE("damaged copies stay while no sound one is known") {
    AuditWorld world;
    world.record("one", "12345", {"n1 a"});
    world.record("both", "12345", {"n1 b", "n2 c"}, 2);
    world.put_copy("n1", "a", "12");
    world.put_copy("n1", "b", "12");
    world.put_copy("n2", "c", "123");
    CHECK(world.check_and_repair() ==
          Lines{"kept size n1 a one 5 2", "kept size n1 b both 5 2", "kept size n2 c both 5 3"});
    CHECK(places_of(world, "one") == Lines{"n1 a"});
    CHECK(places_of(world, "both") == Lines{"n1 b", "n2 c"});
    CHECK(world.jobs().empty());
}

TEST_CASE("a damaged copy stays while the node of the other one is down") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    world.put_copy("n1", "a", "12");
    std::filesystem::rename(world.root() + "/n2", world.root() + "/away");
    CHECK(world.repair({"size n1 a f 5 2"}) == Lines{"kept size n1 a f 5 2"});
    CHECK(world.repair({"missing n2 b f 5"}) == Lines{"not-verified missing n2 b f 5"});
    CHECK(places_of(world, "f") == Lines{"n1 a", "n2 b"});
}

TEST_CASE("changed content is replaced only where another copy was read and is sound") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    world.record("g", "12345", {"n1 c", "n2 d"}, 2);
    world.put_copy("n1", "a", "12x45");
    world.put_copy("n1", "c", "12x45");
    world.put_copy("n2", "d", "1234x");
    Lines found = world.check({{"n1"}, {}, upkeep::ReadBack::yes, {}, {}});
    REQUIRE(found.size() == 2);
    const Lines done = world.repair(found);
    CHECK(done[0].starts_with("kept content n1 c g "));
    CHECK(done[1].starts_with("removal-queued content n1 a f "));
    CHECK(places_of(world, "f") == Lines{"n2 b"});
    CHECK(places_of(world, "g") == Lines{"n1 c", "n2 d"});
}

TEST_CASE("a file that is short of copies gets one job, however often it is told") {
    AuditWorld world;
    world.record("f", "1", {"n1 a"}, 2);
    const Lines found = world.check();
    CHECK(found == Lines{"short f 1 " + k_time + " 1 2"});
    world.repair(found);
    world.repair(found);
    CHECK(world.jobs() == Lines{"replicate f 1 " + k_time + " copies=2"});
}

TEST_CASE("a gone line gets its remove job and leaves") {
    AuditWorld world;
    catalog::Link link = world.record("f", "1", {"n1 a"});
    link.gone.push_back({"n2", "old", {}});
    world.put_copy("n2", "old", "old");
    world.write_link(link);
    CHECK(world.check_and_repair() == Lines{"removal-queued gone n2 old f"});
    CHECK(world.jobs() == Lines{"remove n2 old 0 path=f"});
    CHECK(world.link("f").value().gone.empty());
    CHECK(world.check().empty());
}

TEST_CASE("an orphan gets a link file under lost+found, with the size that its node tells") {
    AuditWorld world;
    world.put_copy("n1", "00/01/stray file", "12345");
    CHECK(world.repair({"orphan n1 00/01/stray%20file 3"}) ==
          Lines{"adopted orphan n1 00/01/stray%20file 5"});
    const catalog::Link link = world.link("lost+found/n1/00/01/stray file").value();
    CHECK(link.size_bytes == 5);
    CHECK(link.checksum.empty());
    CHECK(link.servers == std::vector<catalog::Copy>{{"n1", "00/01/stray file", {}}});
    CHECK(world.check().empty());
    CHECK(world.repair({"orphan n1 00/01/stray%20file 3"}) ==
          Lines{"settled orphan n1 00/01/stray%20file 3"});
}

TEST_CASE("an orphan gets a remove job where that is asked for") {
    AuditWorld world;
    world.put_copy("n1", "x", "12345");
    CHECK(world.repair(world.check(), k_delete) == Lines{"removal-queued orphan n1 x 5"});
    CHECK(world.jobs() == Lines{"remove n1 x 5 path=lost+found/n1/x"});
    CHECK(world.check().empty());
    CHECK(world.repair({"orphan n1 x 5"}, k_delete) == Lines{"settled orphan n1 x 5"});
    CHECK(world.jobs().size() == 1);
}

TEST_CASE("stale orphan lines do no harm") {
    AuditWorld world;
    world.record("f", "1", {"n1 a"});
    world.put_copy("n2", "queued", "1");
    const queue::Spool spool(world.root(), base::system_clock()); // makes the directories
    world.queue("1.q", "remove n2 queued 1\n");
    for (const auto& options : {k_delete, upkeep::RepairOptions{}})
        CHECK(
            world.repair({"orphan n1 a 1", "orphan n2 queued 1", "orphan n1 never-there 1"}, options) ==
            Lines{"settled orphan n1 a 1", "settled orphan n1 never-there 0", "settled orphan n2 queued 1"});
    CHECK(world.jobs() == Lines{"remove n2 queued 1"});
    CHECK_FALSE(world.link("lost+found/n1/a"));
}

TEST_CASE("a name that is recorded on another node is never taken for rubbish") {
    // The node was renamed in the configuration, or two nodes are one directory.
    AuditWorld world;
    world.record("f", "1", {"n1 a"});
    world.put_copy("n2", "a", "1");
    CHECK(world.check() == Lines{"orphan n2 a 1"});
    CHECK(world.repair(world.check(), k_delete) == Lines{"kept orphan n2 a 1"});
    CHECK(world.check_and_repair() == Lines{"kept orphan n2 a 1"});
    CHECK(world.jobs().empty());
}

TEST_CASE("orphans are left while something that may explain them cannot be read") {
    AuditWorld world;
    world.put_copy("n1", "a", "1");
    test::write_file(world.root() + "/.links/broken", "broken x\n");
    CHECK(world.repair({"orphan n1 a 1"}, k_delete) == Lines{"kept orphan n1 a 1"});
    CHECK(world.repair({"unreadable broken whatever"}).front().starts_with("kept unreadable broken"));
}

TEST_CASE("orphans whose node or name cannot be asked for are left") {
    AuditWorld world;
    world.put_copy("n1", "new\nline", "1");
    CHECK(world.repair({"orphan n1 new%0Aline 1", "orphan n9 x 1"}) ==
          Lines{"not-verified orphan n1 new%0Aline 1", "not-verified orphan n9 x 1"});
    CHECK(world.jobs().empty());
}

TEST_CASE("stale lines of files do no harm") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    const Lines stale = {"missing n1 a f 5",       "missing n1 older f 5", "size n2 b f 5 2",
                         "content n2 b f x:1 x:2", "gone n1 a f",          "short f 5 " + k_time + " 1 2",
                         "lost f 5 " + k_time,     "missing n1 a other 5", "unreadable f whatever"};
    for (const std::string& outcome : world.repair(stale))
        CHECK(outcome.starts_with("settled "));
    CHECK(places_of(world, "f") == Lines{"n1 a", "n2 b"});
    CHECK(world.jobs().empty());
}

TEST_CASE("a dry run asks nodes, says what it would do, and changes nothing") {
    AuditWorld world;
    world.record("f", "12345", {"n1 a", "n2 b"}, 2);
    world.record("g", "12345", {"n1 c", "n2 d"}, 2);
    world.take_copy("n1", "a");
    world.put_copy("n1", "c", "1");
    world.put_copy("n1", "x", "1");
    CHECK(world.repair(world.check(), k_pretend) ==
          Lines{"adopted orphan n1 x 1", "dropped missing n1 a f 5", "removal-queued size n1 c g 5 1"});
    CHECK(places_of(world, "f").size() == 2);
    CHECK(places_of(world, "g").size() == 2);
    CHECK_FALSE(std::filesystem::exists(world.root() + "/.queue"));
    CHECK_FALSE(world.link("lost+found/n1/x"));
}

TEST_CASE("several findings of one file are repaired together, more than a batch of files too") {
    AuditWorld world;
    Lines expected;
    for (int i = 0; i < 250; ++i) {
        const std::string n = std::to_string(1000 + i);
        world.record("d/" + n, "12345", {"n1 a" + n, "n2 b" + n, "n2 c" + n}, 3);
        world.take_copy("n1", "a" + n);
        world.put_copy("n2", "b" + n, "1");
    }
    const Lines done = world.check_and_repair();
    CHECK(std::count_if(done.begin(), done.end(),
                        [](const auto& line) { return line.starts_with("dropped missing n1"); }) == 250);
    CHECK(std::count_if(done.begin(), done.end(),
                        [](const auto& line) { return line.starts_with("removal-queued size n2"); }) == 250);
    CHECK(done.size() == 500);
    CHECK(places_of(world, "d/1100") == Lines{"n2 c1100"});
    CHECK(world.jobs().size() == 500);
    CHECK(world.check().empty());
}
