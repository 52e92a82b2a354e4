// remove: jobs, `.deleted/`, and what it must never touch.
#include "catalog/deleted.hpp"
#include "processor/node_marks.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace nodespool;
using processor::Result;
using test::World;

namespace {

std::string remove_line(const catalog::Copy& copy, const std::string& rest = "") {
    return "remove " + copy.node + " " + copy.name + " 0" + (rest.empty() ? "" : " " + rest) + "\n";
}

void delete_link(const World& world, const std::string& path) {
    const catalog::Catalog catalog(world.root());
    const catalog::Deleted deleted(world.root());
    catalog::LinkBatch batch(catalog, {path});
    batch.move_to_deleted(path, deleted);
    batch.commit();
}

std::size_t in_deleted(const World& world) {
    std::size_t count = 0;
    catalog::Deleted::open_existing(world.root()).for_each([&](const std::string&) { return ++count > 0; });
    return count;
}

} // namespace

TEST_CASE("a copy leaves its node; that it is gone already is as good") {
    World world;
    const catalog::Link link = world.put("f", "x");
    const catalog::Copy copy = link.servers.front();
    world.queue("r.q", remove_line(copy) + remove_line(copy));
    const auto summary = world.remove();
    CHECK(summary.count(Result::done) == 1);
    CHECK(summary.count(Result::already_done) == 1);
    CHECK(world.on_node(copy.node).empty());
    CHECK(catalog::format_link(world.link("f").value()) ==
          catalog::format_link(link)); // never changed by remove
}

TEST_CASE("a late job never deletes a copy that its link file records") {
    World world;
    const catalog::Copy copy = world.put("f", "x").servers.front();
    world.queue("r.q", remove_line(copy, "path=f"));
    CHECK(world.remove().count(Result::stale) == 1);
    CHECK(world.on_node(copy.node).size() == 1);
    CHECK(world.jobs().empty());
    world.queue("r.q", remove_line({copy.node, "00/00/older-name", {}}, "path=f"));
    CHECK(world.remove().count(Result::already_done) == 1);
    CHECK(world.on_node(copy.node).size() == 1);
}

TEST_CASE("deleted files lose all copies, `gone` ones too, and are forgotten once these are in the queue") {
    World world;
    world.put("keep", "y");
    world.put("f", "x");
    world.queue("r.q", world.replicate_line("f", "copies=2") + "\n");
    world.replicate();
    delete_link(world, "f");
    CHECK(in_deleted(world) == 1);
    CHECK(world.remove().count(Result::done) == 2);
    CHECK(in_deleted(world) == 0);
    CHECK(world.unrecorded().empty());
    CHECK(world.stored("keep") == "y");
}

TEST_CASE("a link file in `.deleted/` that cannot be read stays, and the others go on") {
    World world;
    world.put("f", "x");
    delete_link(world, "f");
    test::write_file(world.root() + "/.deleted/broken", "this is no link\n");
    const auto summary = world.remove();
    CHECK(summary.io_error);
    CHECK(summary.count(Result::done) == 1);
    CHECK(in_deleted(world) == 1);
    CHECK(test::read_file(world.root() + "/.deleted/broken") == "this is no link\n");
}

TEST_CASE("names that lead out of a node's root, and bad paths, are rejected") {
    World world;
    test::write_file(world.root() + "/precious", "do not touch");
    world.queue("r.q", "remove n1 ../precious 12\nremove n1 /etc/passwd 1\nremove n1 a 1 path=../x\n"
                       "remove n9 a 1\nremove n1 a%0D%0ADELE%20b 1\n");
    CHECK(world.remove().count(Result::rejected) == 5);
    CHECK(world.rejected().find("found a name with a control byte") != std::string::npos);
    CHECK(test::read_file(world.root() + "/precious") == "do not touch");
    CHECK(world.rejected().find("path=../x") != std::string::npos);
}

TEST_CASE("what cannot be removed now waits: its node is away, or read-only") {
    World world;
    const catalog::Copy copy = world.put("f", "x").servers.front();
    SUBCASE("away") {
        std::filesystem::rename(world.root() + "/" + copy.node, world.root() + "/away");
        world.queue("r.q", remove_line(copy));
        CHECK(world.remove().count(Result::resubmitted) == 1);
        std::filesystem::rename(world.root() + "/away", world.root() + "/" + copy.node);
    }
    SUBCASE("read-only") {
        processor::set_node_mark(world.root(), copy.node, processor::Mark::read_only);
        world.queue("r.q", remove_line(copy));
        CHECK(world.remove().count(Result::resubmitted) == 1);
    }
    CHECK(world.on_node(copy.node).size() == 1);
    CHECK(world.jobs().size() == 1);
}

TEST_CASE("copies leave a node that is being drained") {
    World world;
    const catalog::Copy copy = world.put("f", "x").servers.front();
    processor::set_node_mark(world.root(), copy.node, processor::Mark::draining);
    world.queue("r.q", remove_line(copy));
    CHECK(world.remove().count(Result::done) == 1);
    CHECK(world.on_node(copy.node).empty());
}
