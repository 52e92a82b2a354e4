// Giving up a lost node.
#include "processor/file_space.hpp"
#include "support/copies.hpp"
#include "upkeep/forget.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>

using namespace nodespool;
using processor::Mark;
using test::CopyWorld;
using upkeep::ForgetListener;
using upkeep::ForgetReport;
using upkeep::InFileSpace;
using upkeep::Replicate;

namespace {

struct Lost {
    std::map<std::string, InFileSpace> files;
    ForgetListener listener;
    Lost() {
        listener.on_lost = [this](const catalog::Link& link, InFileSpace here) { files[link.path] = here; };
        listener.flush = [] {};
    }
};

ForgetReport forget(const CopyWorld& world, const ForgetListener& listener,
                    Replicate replicate = Replicate::no) {
    const queue::Spool spool(world.root(), base::system_clock());
    const catalog::Catalog catalog(world.root());
    return upkeep::forget(world.cluster, catalog, &spool, "n1", replicate, listener);
}

} // namespace

TEST_CASE("the node's copies leave the link files, and what had no other copy is told") {
    CopyWorld world;
    world.plant("a/f", "12345", {"n1", "n2"});
    world.plant("lost", "123", {"n1"});
    world.plant("h", "1234567", {"n2", "n3"});
    Lost lost;
    const ForgetReport report = forget(world, lost.listener);
    CHECK(report.links == 3);
    CHECK(report.files == 2);
    CHECK(report.lost == 1);
    CHECK(lost.files == std::map<std::string, InFileSpace>{{"lost", InFileSpace::no}});
    CHECK(world.nodes_of("a/f") == "n2");
    CHECK(world.nodes_of("h") == "n2,n3");
    CHECK(world.link("lost").value().servers.empty());
    CHECK(world.link("lost").value().size_bytes == 3);
    CHECK(world.jobs().empty()); // the node is lost: nothing is removed there

    Lost again;
    CHECK(forget(world, again.listener, Replicate::yes).files == 0);
    CHECK(again.files.empty());
    CHECK(world.jobs().empty());
}

TEST_CASE("a node that is no longer configured is forgotten as well") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    std::erase_if(world.cluster.nodes, [](const auto& node) { return node.name == "n1"; });
    Lost lost;
    CHECK(forget(world, lost.listener).files == 1);
    CHECK(world.nodes_of("f") == "n2");
}

TEST_CASE("a version that the file space still holds is told and stored again") {
    CopyWorld world;
    const auto status = world.upload("d/f", "12345");
    world.plant("d/f", "12345", {"n1"});
    catalog::Link link = world.link("d/f").value();
    link.mtime = {status.mtime, 9};
    world.put(link);
    Lost lost;
    // While the link file names the copy, no job must be queued: store would take the local file away.
    lost.listener.flush = [&] { CHECK(world.jobs().empty()); };
    const ForgetReport report = forget(world, lost.listener);
    CHECK(report.to_store == 1);
    CHECK(lost.files.at("d/f") == InFileSpace::yes);
    CHECK(world.jobs() == std::vector<std::string>{"store d/f 5 " + base::format_time(link.mtime)});
    CHECK(forget(world, lost.listener).to_store == 0); // the job is queued
    world.mark("n1", Mark::draining);
    world.store();
    CHECK(world.stored("d/f") == "12345");
    CHECK(world.in_file_space().empty());
}

TEST_CASE("another version in the file space is another file") {
    CopyWorld world;
    world.upload("f", "1234567");
    world.plant("f", "12345", {"n1"});
    Lost lost;
    forget(world, lost.listener);
    CHECK(lost.files.at("f") == InFileSpace::no);
    CHECK(world.jobs().empty());
}

TEST_CASE("a version that a killed store has hidden is stored again") {
    CopyWorld world;
    const auto status = world.upload("d/f", "12345");
    world.plant("d/f", "12345", {"n1"});
    catalog::Link link = world.link("d/f").value();
    link.mtime = {status.mtime, 9};
    world.put(link);
    std::filesystem::rename(world.cluster.files + "/d/f",
                            world.cluster.files + "/d/" + processor::hidden_name("d/f"));
    Lost lost;
    CHECK(forget(world, lost.listener).to_store == 1);
    CHECK(lost.files.at("d/f") == InFileSpace::yes);
}

TEST_CASE("the store job of a run that was killed before it was queued is queued by the next") {
    CopyWorld world;
    const auto status = world.upload("f", "12345");
    world.plant("f", "12345", {});
    catalog::Link link = world.link("f").value();
    link.mtime = {status.mtime, 9};
    world.put(link);
    Lost lost;
    CHECK(forget(world, lost.listener).to_store == 1);
    CHECK(lost.files.empty());
    CHECK(world.jobs_of("store").size() == 1);
}

TEST_CASE("gone lines of the node just leave, those of other nodes become jobs") {
    CopyWorld world;
    world.plant("f", "12345", {"n2"});
    catalog::Link link = world.link("f").value();
    link.gone = {{"n1", "00/00/old1", {}}, {"n3", "00/00/old3", {}}};
    world.put(link);
    Lost lost;
    CHECK(forget(world, lost.listener).files == 1);
    CHECK(lost.files.empty());
    CHECK(world.link("f").value().gone.empty());
    CHECK(world.jobs() == std::vector<std::string>{"remove n3 00/00/old3 0 path=f"});
}

TEST_CASE("with --replicate every file that is short and has a copy gets a job, once") {
    CopyWorld world;
    world.mark("n3", Mark::draining);
    world.plant("short now", "12345", {"n1", "n2"}, 2);
    world.plant("short before", "12345", {"n2"}, 2); // a run was killed before it had queued the job
    world.plant("on draining", "12345", {"n2", "n3"}, 2);
    world.plant("enough", "12345", {"n1", "n2"});
    world.plant("lost", "12345", {"n1"}, 2);
    Lost lost;
    ForgetReport report = forget(world, lost.listener, Replicate::yes);
    CHECK(report.to_copy == 3);
    const std::string rest = " 5 1700000000.123456789 copies=2";
    CHECK(world.jobs_of("replicate") == std::vector<std::string>{"replicate on%20draining" + rest,
                                                                 "replicate short%20before" + rest,
                                                                 "replicate short%20now" + rest});
    report = forget(world, lost.listener, Replicate::yes);
    CHECK(report.to_copy == 0);
    CHECK(report.waiting == 3);
    CHECK(world.jobs().size() == 3);
}

TEST_CASE("where what is lost cannot be told, the link stays as it was") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    Lost lost;
    const auto fail = [] { throw std::runtime_error("the reader is gone"); };
    SUBCASE("when it is printed") {
        lost.listener.on_lost = [&](const catalog::Link&, InFileSpace) { fail(); };
    }
    SUBCASE("when it is flushed") {
        lost.listener.flush = fail;
    }
    CHECK_THROWS_AS(forget(world, lost.listener), std::runtime_error);
    CHECK(world.nodes_of("f") == "n1");
}

TEST_CASE("a file that gets another copy meanwhile keeps it") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    Lost lost;
    lost.listener.flush = [&] { world.plant("f", "12345", {"n1", "n2"}); };
    const ForgetReport report = forget(world, lost.listener);
    CHECK(report.lost == 0);
    CHECK(world.nodes_of("f") == "n2");
}

TEST_CASE("a file that loses its other copy meanwhile is told before it is changed") {
    CopyWorld world;
    world.plant("f", "12345", {"n1", "n2"});
    Lost lost;
    bool done = false;
    lost.listener.flush = [&] {
        if (!std::exchange(done, true))
            world.plant("f", "12345", {"n1"});
    };
    const ForgetReport report = forget(world, lost.listener);
    CHECK(report.lost == 1);
    CHECK(lost.files.contains("f"));
    CHECK(world.link("f").value().servers.empty());
}

TEST_CASE("a dry run of forget tells the same and changes nothing") {
    CopyWorld world;
    const auto status = world.upload("here", "12345");
    world.plant("here", "12345", {"n1"});
    catalog::Link link = world.link("here").value();
    link.mtime = {status.mtime, 9};
    world.put(link);
    world.plant("short", "12345", {"n1", "n2"}, 2);
    const auto before = world.snapshot();
    Lost lost;
    const ForgetReport report = upkeep::forget(world.cluster, catalog::Catalog::open_existing(world.root()),
                                               nullptr, "n1", Replicate::yes, lost.listener);
    CHECK(world.snapshot() == before);
    CHECK(report.files == 2);
    CHECK(report.lost == 1);
    CHECK(report.to_store == 1);
    CHECK(report.to_copy == 1);
    CHECK(lost.files.at("here") == InFileSpace::yes);
}
