// Emptying a node.
#include "base/path_name.hpp"
#include "support/copies.hpp"
#include "upkeep/drain.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

using namespace nodespool;
using processor::Mark;
using test::CopyWorld;
using upkeep::Drained;
using upkeep::DrainListener;
using upkeep::DrainReport;

namespace {

/// One pass over n1, which is not marked here.
DrainReport pass(const CopyWorld& world, const DrainListener& listener = {}) {
    const queue::Spool spool(world.root(), base::system_clock());
    const catalog::Catalog catalog(world.root());
    return upkeep::drain(world.cluster, catalog, &spool, "n1", listener);
}

DrainReport drain(const CopyWorld& world, const DrainListener& listener = {}) {
    world.mark("n1", Mark::draining);
    return pass(world, listener);
}

/// Collects what became of each file.
struct Told {
    std::map<std::string, upkeep::DrainedFile> files;
    DrainListener listener;
    Told() {
        listener.on_file = [this](const upkeep::DrainedFile& file) { files[file.path] = file; };
    }
};

/// Does something once, when the pass has looked at its first link file with a copy on the node.
DrainListener after_the_first_look(const std::function<void()>& action) {
    DrainListener listener;
    listener.on_progress = [action, done = false](const DrainReport& so_far) mutable {
        if (so_far.files > 0 && !done) {
            done = true;
            action();
        }
    };
    return listener;
}

std::string removal(const std::string& path, std::size_t size) {
    return "remove n1 " + CopyWorld::copy_of(path, "n1").name + " " + std::to_string(size) +
           " path=" + base::encode_name(path);
}

} // namespace

TEST_CASE("a copy goes when another was seen, and its removal is queued") {
    CopyWorld world;
    world.plant("a/f", "12345", {"n1", "n2"});
    world.plant("g", "123", {"n3", "n1"});
    world.plant("h", "1234567", {"n2", "n3"});
    Told told;
    const DrainReport report = drain(world, told.listener);
    CHECK(report.end == DrainReport::End::complete);
    CHECK(report.links == 3);
    CHECK(report.files == 2);
    CHECK(report.count(Drained::dropped) == 2);
    CHECK(report.left() == 0);
    CHECK(told.files.at("a/f").detail == "n2");
    CHECK(world.nodes_of("a/f") == "n2");
    CHECK(world.nodes_of("g") == "n3");
    CHECK(world.nodes_of("h") == "n2,n3");
    CHECK(world.jobs_of("remove") == std::vector<std::string>{removal("a/f", 5), removal("g", 3)});
    CHECK(world.link("a/f").value().gone.empty());
    CHECK(std::filesystem::exists(world.file_on("a/f", "n1"))); // `remove` takes it away

    const DrainReport again = drain(world);
    CHECK(again.files == 0);
    CHECK(again.left() == 0);
    CHECK(world.jobs().size() == 2);
}

TEST_CASE("a file without another copy stays, and one replicate job is queued, however often it runs") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    DrainReport report = drain(world);
    CHECK(report.count(Drained::queued) == 1);
    CHECK(report.left() == 1);
    report = drain(world);
    CHECK(report.count(Drained::waiting) == 1);
    CHECK(report.count(Drained::queued) == 0);
    CHECK(report.left() == 1);
    CHECK(world.nodes_of("f") == "n1");
    CHECK(world.jobs() == std::vector<std::string>{"replicate f 5 1700000000.123456789 copies=1"});
}

TEST_CASE("as many others as were ever asked for must have been seen") {
    CopyWorld world(4);
    world.plant("two", "12345", {"n1", "n2"}, 2);
    world.plant("three", "12345", {"n2", "n1", "n3"}, 2);
    world.plant("four", "12345", {"n1", "n2", "n3", "n4"}, 3);
    std::filesystem::remove(world.file_on("four", "n3"));
    Told told;
    const DrainReport report = drain(world, told.listener);
    CHECK(report.left() == 2);
    CHECK(told.files.at("two").drained == Drained::queued);
    CHECK(told.files.at("three").drained == Drained::dropped);
    CHECK(told.files.at("four").drained == Drained::not_seen);
    CHECK(world.jobs_of("replicate") ==
          std::vector<std::string>{"replicate two 5 1700000000.123456789 copies=2"});
    CHECK(world.nodes_of("three") == "n2,n3");
}

TEST_CASE("others that are missing, have another size, or cannot be asked are no others") {
    CopyWorld world(4);
    world.plant("missing", "12345", {"n1", "n2"});
    std::filesystem::remove(world.file_on("missing", "n2"));
    world.plant("short", "12345", {"n1", "n2"});
    test::write_file(world.file_on("short", "n2"), "1234");
    world.plant("unasked", "12345", {"n1", "n3"});
    world.plant("sound", "12345", {"n1", "n4"});
    world.plant("one of two", "12345", {"n1", "n3", "n2"});
    std::filesystem::rename(world.root() + "/n3", world.root() + "/n3-unplugged");
    Told told;
    const DrainReport report = drain(world, told.listener);
    CHECK(report.count(Drained::not_seen) == 3);
    CHECK(report.count(Drained::dropped) == 2);
    CHECK(told.files.at("missing").detail == "n2: it is not there");
    CHECK(told.files.at("short").detail == "n2: it has 4 bytes");
    CHECK(told.files.at("unasked").detail.starts_with("n3: "));
    CHECK(told.files.at("one of two").detail == "n2");
    CHECK(world.nodes_of("missing") == "n1,n2");
    CHECK(world.nodes_of("short") == "n1,n2");
    CHECK(world.nodes_of("unasked") == "n1,n3");
    CHECK(world.nodes_of("one of two") == "n3,n2");
    CHECK(world.jobs_of("replicate").empty());
}

TEST_CASE("copies on nodes that are draining or not configured do not count, those on read-only ones do") {
    CopyWorld world(4);
    world.mark("n2", Mark::draining);
    world.mark("n3", Mark::read_only);
    world.plant("draining", "12345", {"n1", "n2"});
    world.plant("read-only", "12345", {"n1", "n3"});
    world.plant("unknown", "12345", {"n1", "n9"});
    world.plant("same", "12345", {"n1", "n3"}, 2);
    catalog::Link twice = world.link("same").value();
    twice.servers.push_back({"n3", "00/00/another", {}});
    world.put(twice);
    Told told;
    drain(world, told.listener);
    CHECK(told.files.at("draining").drained == Drained::queued);
    CHECK(told.files.at("read-only").drained == Drained::dropped);
    CHECK(told.files.at("unknown").drained == Drained::queued);
    CHECK(told.files.at("same").drained == Drained::queued); // two copies on one node are one
}

TEST_CASE("where too few nodes are left for the copies, nothing is queued and it is said") {
    CopyWorld world;
    world.mark("n3", Mark::read_only);
    world.plant("f", "12345", {"n1", "n2"}, 2);
    world.plant("on read-only", "12345", {"n1", "n3"}, 2);
    Told told;
    const DrainReport report = drain(world, told.listener);
    CHECK(report.count(Drained::cannot) == 1);
    CHECK(told.files.at("f").detail == "2 copies are wanted, 1 other nodes can hold one");
    CHECK(told.files.at("on read-only").drained == Drained::queued);
    CHECK(world.jobs().size() == 1);
}

TEST_CASE("a node that is resumed while it is drained loses nothing more") {
    CopyWorld world;
    for (const char* name : {"f", "g", "h"})
        world.plant(name, "12345", {"n1", "n2"});
    world.plant("alone", "12345", {"n1"});
    const auto resume = [&] { world.mark("n1", Mark::none); };

    SUBCASE("while link files are read") {
        const DrainReport report = drain(world, after_the_first_look(resume));
        CHECK(report.end == DrainReport::End::resumed);
    }
    SUBCASE("after the last of them") {
        DrainListener listener;
        listener.on_progress = [&](const DrainReport& so_far) {
            if (so_far.links == 4)
                resume();
        };
        const DrainReport report = drain(world, listener);
        CHECK(report.end == DrainReport::End::resumed);
        CHECK(report.left() == 4);
    }
    for (const char* name : {"f", "g", "h"})
        CHECK(world.nodes_of(name) == "n1,n2");
    CHECK(world.jobs().empty());
}

TEST_CASE("a file that changes between the look and the lock keeps its copy") {
    CopyWorld world(4);
    world.plant("f", "12345", {"n1", "n2"});
    catalog::Link link = world.link("f").value();
    const catalog::Link before = link;

    SUBCASE("the copy that was seen left the link") {
        link.servers = {CopyWorld::copy_of("f", "n1"), CopyWorld::copy_of("f", "n3")};
    }
    SUBCASE("more copies were asked for") {
        link.copies = 2;
    }
    SUBCASE("it is another version") {
        link.mtime.value.seconds += 1;
    }
    const DrainReport report = drain(world, after_the_first_look([&] { world.put(link); }));
    CHECK(report.count(Drained::changed) == 1);
    CHECK(report.left() == 1);
    CHECK(world.jobs().empty());
    CHECK(world.link("f").value().servers == link.servers);
}

TEST_CASE("a file that has left the node or the cluster meanwhile is not left there") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    const DrainReport report = drain(world, after_the_first_look([&] {
                                         SUBCASE("deleted") {
                                             std::filesystem::remove(world.root() + "/.links/f");
                                         }
                                         SUBCASE("dropped") {
                                             world.plant("f", "12345", {"n2"});
                                         }
                                     }));
    CHECK(report.left() == 0);
    CHECK(report.count(Drained::dropped) == 0);
    CHECK(world.jobs().empty());
}

TEST_CASE("a node that others rely on and that is marked meanwhile is not relied on") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    const DrainReport report = drain(world, after_the_first_look([&] { world.mark("n2", Mark::draining); }));
    CHECK(report.count(Drained::changed) == 1);
    CHECK(world.nodes_of("f") == "n1,n2");
}

TEST_CASE("gone lines that a killed run left are queued on the way") {
    CopyWorld world;
    world.plant("f", "12345", {"n2"});
    catalog::Link link = world.link("f").value();
    link.gone = {CopyWorld::copy_of("f", "n1")};
    world.put(link);
    world.plant("g", "123", {"n1", "n2"});
    link = world.link("g").value();
    link.gone = {{"n3", "00/00/old", {}}};
    world.put(link);
    drain(world);
    CHECK(world.jobs_of("remove") ==
          std::vector<std::string>{"remove n1 " + CopyWorld::copy_of("f", "n1").name + " 0 path=f",
                                   removal("g", 3), "remove n3 00/00/old 3 path=g"});
    CHECK(world.link("f").value().gone.empty());
    CHECK(world.link("g").value().gone.empty());
}

TEST_CASE("two drains at once drop each copy once") {
    CopyWorld world;
    constexpr int k_files = 450;
    for (int i = 0; i < k_files; ++i)
        world.plant("d" + std::to_string(i % 7) + "/f" + std::to_string(i), "12345", {"n1", "n2"});
    world.mark("n1", Mark::draining);
    DrainReport reports[2];
    std::vector<std::thread> drains;
    for (DrainReport& report : reports)
        drains.emplace_back([&] { report = pass(world); });
    for (std::thread& one : drains)
        one.join();
    CHECK(reports[0].count(Drained::dropped) + reports[1].count(Drained::dropped) == k_files);
    std::vector<std::string> removals = world.jobs_of("remove");
    CHECK(removals.size() == k_files);
    CHECK(std::unique(removals.begin(), removals.end()) == removals.end());
    CHECK(pass(world).left() == 0);
}

TEST_CASE("a copy that comes after its link file was looked at is left, and told") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    world.plant("g", "12345", {"n2"});
    DrainListener listener;
    listener.on_progress = [&](const DrainReport& so_far) {
        if (so_far.links == 2)
            world.plant("g", "12345", {"n1", "n2"});
    };
    const DrainReport report = drain(world, listener);
    CHECK(report.count(Drained::dropped) == 1);
    CHECK(report.came == 1);
    CHECK(report.left() == 1);
}

TEST_CASE("a link file that cannot be read is told, and the others are drained") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    test::write_file(world.root() + "/.links/broken", "nonsense\n");
    const DrainReport report = drain(world);
    CHECK(report.count(Drained::unreadable) == 1);
    CHECK(report.count(Drained::dropped) == 1);
}

TEST_CASE("a stop is obeyed, and the next run goes on") {
    CopyWorld world;
    for (int i = 0; i < 250; ++i)
        world.plant("f" + std::to_string(i), "12345", {"n1", "n2"});
    DrainListener listener;
    bool enough = false;
    listener.on_progress = [&](const DrainReport& so_far) { enough = so_far.links == 150; };
    listener.stop = [&] { return enough; };
    const DrainReport report = drain(world, listener);
    CHECK(report.end == DrainReport::End::stopped);
    CHECK(report.count(Drained::dropped) == 100);
    CHECK(drain(world).left() == 0);
    CHECK(world.jobs_of("remove").size() == 250);
}

TEST_CASE("a dry run says the same and changes nothing") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    world.plant("alone", "12345", {"n1"});
    world.plant("missing", "12345", {"n1", "n2"});
    std::filesystem::remove(world.file_on("missing", "n2"));
    const auto before = world.snapshot();
    Told told;
    const DrainReport report = upkeep::drain(world.cluster, catalog::Catalog::open_existing(world.root()),
                                             nullptr, "n1", told.listener);
    CHECK(world.snapshot() == before);
    CHECK(report.left() == 2);
    CHECK(told.files.at("f").drained == Drained::dropped);
    CHECK(told.files.at("alone").drained == Drained::queued);
    CHECK(told.files.at("missing").drained == Drained::not_seen);
}
