// replicate: how many copies, where, from where, and what becomes of the local file.
#include "processor/node_marks.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>

using namespace nodespool;
using processor::Result;
using test::World;

namespace {

std::set<std::string> nodes_of(const catalog::Link& link) {
    std::set<std::string> names;
    for (const catalog::Copy& copy : link.servers)
        names.insert(copy.node);
    CHECK(names.size() == link.servers.size()); // never two copies on one node
    return names;
}

void check_contents(const World& world, const catalog::Link& link, const std::string& content) {
    for (const catalog::Copy& copy : link.servers)
        CHECK(test::read_file(world.copy_path(copy)) == content);
    CHECK(world.unrecorded().empty());
    CHECK(world.temporaries().empty());
}

} // namespace

TEST_CASE("one more copy, on a node that has none, and a replayed line makes no second one") {
    World world;
    world.add_node("n3");
    world.put("a/file", "some content");
    const std::string line = world.replicate_line("a/file") + "\n";
    const auto once = [&] {
        // The same file as far as anybody can tell: the queue file as it was before it was ticked.
        world.queue("r.q", line + "upload elsewhere 0 1 1\n");
        return world.replicate();
    };
    CHECK(once().count(Result::done) == 1);
    catalog::Link link = world.link("a/file").value();
    CHECK(nodes_of(link).size() == 2);
    CHECK(link.copies == 2);
    CHECK(link.servers.back().rest.starts_with("by="));
    check_contents(world, link, "some content");

    const std::string path = world.root() + "/.queue/r.q";
    const auto status = base::status_at(base::k_cwd, path).value();
    {
        const base::Fd fd = base::open_at(base::k_cwd, path, 1 /* O_WRONLY */);
        base::write_all_at(fd.get(), line, 0, path); // the tick is lost
    }
    REQUIRE(base::status_at(base::k_cwd, path)->is_same_file(status));
    CHECK(world.replicate().count(Result::already_done) == 1);
    CHECK(world.link("a/file")->servers.size() == 2);

    std::filesystem::remove(path); // another job is another copy
    world.queue("s.q", line);
    CHECK(world.replicate().count(Result::done) == 1);
    CHECK(world.link("a/file")->servers.size() == 3);
}

TEST_CASE("a resubmitted job is known again in its new line") {
    World world;
    world.add_node("n3");
    world.put("f", "x");
    world.queue("r.q", world.replicate_line("f", "-n3") + "\n");
    const std::string other = world.link("f")->servers.front().node == "n1" ? "n2" : "n1";
    std::filesystem::rename(world.root() + "/" + other, world.root() + "/away");
    CHECK(world.replicate().count(Result::resubmitted) == 1);
    REQUIRE(world.jobs().size() == 1);
    const std::string line = world.jobs().front();
    CHECK(line.find(" job=") != std::string::npos);
    std::filesystem::rename(world.root() + "/away", world.root() + "/" + other);

    // Killed before the first line was ticked: both stand in the queue.
    const auto due = [&](const std::string& text) {
        const std::size_t at = text.find(" not-before=");
        return text.substr(0, at) + "\n";
    };
    world.queue("0-a.q", due(line));
    world.queue("0-b.q", due(line));
    const auto summary = world.replicate();
    CHECK(summary.count(Result::done) == 1);
    CHECK(summary.count(Result::already_done) == 1);
    CHECK(world.link("f")->servers.size() == 2);
}

TEST_CASE("copies=N makes up what is missing, from one read, and counts what is there") {
    World world;
    for (const char* name : {"n3", "n4", "n5"})
        world.add_node(name);
    const std::string content(3'000'000, 'q');
    world.put("big", content);
    world.queue("r.q", world.replicate_line("big", "copies=4") + "\n");
    CHECK(world.replicate([](auto& options) { options.lanes = 1; }).count(Result::done) == 1);
    catalog::Link link = world.link("big").value();
    CHECK(nodes_of(link).size() == 4);
    CHECK(link.copies == 4);
    check_contents(world, link, content);
    world.queue("r.q", world.replicate_line("big", "copies=3") + "\n");
    CHECK(world.replicate().count(Result::already_done) == 1);
    CHECK(world.link("big")->servers.size() == 4);
    CHECK(world.link("big")->copies == 4);
}

TEST_CASE("more copies than nodes: what can be made is made, the rest waits") {
    World world;
    world.put("f", "x");
    world.queue("r.q", world.replicate_line("f", "copies=5") + "\n");
    CHECK(world.replicate().count(Result::resubmitted) == 1);
    CHECK(world.link("f")->servers.size() == 2);
    CHECK(world.jobs().size() == 1);
    CHECK(world.unrecorded().empty());
}

TEST_CASE("node lists, exclusions and the operator's marks decide where a copy goes") {
    World world;
    for (const char* name : {"n3", "n4"})
        world.add_node(name);
    world.queue("1.q", "");
    world.upload("f", "x");
    world.queue("2.q", world.upload_line("f") + " n1\n");
    world.store();
    world.queue("r.q", world.replicate_line("f", "n1,n4") + "\n");
    CHECK(world.replicate().count(Result::done) == 1);
    CHECK(nodes_of(world.link("f").value()) == std::set<std::string>{"n1", "n4"});
    processor::set_node_mark(world.root(), "n2", processor::Mark::draining);
    world.queue("r.q", world.replicate_line("f", "-n4") + "\n");
    CHECK(world.replicate().count(Result::done) == 1);
    CHECK(nodes_of(world.link("f").value()) == std::set<std::string>{"n1", "n3", "n4"});
    // Copies on draining nodes do not count.
    processor::set_node_mark(world.root(), "n2", processor::Mark::none);
    processor::set_node_mark(world.root(), "n4", processor::Mark::draining);
    world.queue("r.q", world.replicate_line("f", "copies=3") + "\n");
    CHECK(world.replicate().count(Result::done) == 1);
    CHECK(nodes_of(world.link("f").value()) == std::set<std::string>{"n1", "n2", "n3", "n4"});
}

TEST_CASE("a job for another version, or for a file that is gone, is stale") {
    World world;
    world.put("f", "x");
    world.queue("r.q", "replicate f 2 1\nreplicate f 1 1\nreplicate nowhere 1 1\nreplicate .links/f 7 7\n");
    CHECK(world.replicate().count(Result::stale) == 4);
    CHECK(world.jobs().empty());
}

TEST_CASE("another source takes over where the first breaks off, is gone, or has other content") {
    World world;
    for (const char* name : {"n3", "n4"})
        world.add_node(name);
    std::string content(5'000'000, '\0');
    for (std::size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<char>(i * 31 + (i >> 12U));
    world.put("f", content);
    world.queue("r.q", world.replicate_line("f", "copies=2") + "\n");
    world.replicate();
    const catalog::Link before = world.link("f").value();
    REQUIRE(before.servers.size() == 2);
    const auto copies_from_either = [&] {
        // Whichever is read first: the damaged one must be found out, and the other one take its place.
        world.queue("r.q", world.replicate_line("f", "copies=4") + "\n");
        CHECK(world.replicate().count(Result::done) == 1);
        const catalog::Link after = world.link("f").value();
        CHECK(after.servers.size() == 4);
        for (const catalog::Copy& copy : after.servers)
            if (copy != before.servers[0])
                CHECK(test::read_file(world.copy_path(copy)) == content);
        CHECK(world.unrecorded().empty());
    };
    const std::string damaged = world.copy_path(before.servers[0]);
    std::filesystem::permissions(damaged, std::filesystem::perms::owner_all);
    SUBCASE("too short") {
        std::filesystem::resize_file(damaged, 2'500'000);
        copies_from_either();
    }
    SUBCASE("too long") {
        std::filesystem::resize_file(damaged, 5'000'001);
        copies_from_either();
    }
    SUBCASE("gone") {
        std::filesystem::remove(damaged);
        copies_from_either();
    }
    SUBCASE("other content of the same size") {
        std::string other = content;
        other[4'999'999] ^= 1;
        test::write_file(damaged, other);
        copies_from_either();
    }
    SUBCASE("both gone") {
        std::filesystem::remove(damaged);
        std::filesystem::remove(world.copy_path(before.servers[1]));
        world.queue("r.q", world.replicate_line("f", "copies=4") + "\n");
        CHECK(world.replicate().count(Result::resubmitted) == 1);
        CHECK(catalog::format_link(world.link("f").value()) == catalog::format_link(before));
        CHECK(world.unrecorded().empty());
    }
}

TEST_CASE("the local file goes when it has its copies, and only if it is what they are of") {
    World world;
    world.cluster.release_at_copies = 2;
    world.upload("f", "local");
    world.queue("1.q", world.upload_line("f") + "\n");
    world.store();
    CHECK(world.in_file_space() == std::vector<std::string>{"f"});
    world.queue("r.q", world.replicate_line("f", "copies=2") + "\n");
    world.replicate();
    REQUIRE(world.jobs().size() == 1);
    CHECK(world.jobs().front().starts_with("store f 5 "));
    world.store();
    CHECK(world.in_file_space().empty());
    CHECK(world.jobs().empty());
}
