// delete, killed and failed at every call that changes the disk, then simply run again.
#include "processor/file_space.hpp"
#include "support/fault.hpp"
#include "support/world.hpp"
#include "upkeep/deletion.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>

using namespace nodespool;
using test::Ended;
using test::World;

namespace fs = std::filesystem;

namespace {

const std::set<std::string> k_stored = {"single", "t/both", "t/deep/er/stored"};

/// Stored files, alone and in a tree; a new version and a new file that wait; what a killed store left.
void prepare(World& world) {
    std::string lines;
    for (const std::string& path : k_stored) {
        world.upload(path, "stored " + path);
        lines += world.upload_line(path) + "\n";
    }
    world.upload("stays", "not asked for");
    world.queue("1.q", lines + world.upload_line("stays") + "\n");
    world.store();
    world.upload("t/both", "a newer version");
    world.upload("t/waiting", "never stored");
    test::write_file(world.cluster.files + "/" + processor::hidden_name("single"), "stored single");
}

void run_delete(World& world) {
    upkeep::Deletion deletion(
        world.cluster, upkeep::DeletionMode::real,
        {[](const upkeep::DeletedFile&) {}, [](const std::string&, const base::Error&) {}},
        {2, std::chrono::milliseconds(0)});
    if (deletion.look("single").file)
        deletion.add("single");
    if (deletion.look("t").directory)
        deletion.add_tree("t");
    deletion.finish();
}

std::multiset<std::string> deleted_paths(const World& world) {
    std::multiset<std::string> paths;
    const auto deleted = catalog::Deleted::open_existing(world.root());
    deleted.for_each([&](const std::string& name) {
        paths.insert(deleted.read(name).value().path);
        return true;
    });
    return paths;
}

/// Each link is in exactly one place, and says what it said.
void check_links(const World& world) {
    const std::multiset<std::string> deleted = deleted_paths(world);
    for (const std::string& path : k_stored) {
        INFO(path);
        CHECK(deleted.count(path) + (world.link(path) ? 1 : 0) == 1);
    }
    CHECK(world.stored("stays") == "not asked for");
}

void check_deleted(World& world) {
    CHECK(deleted_paths(world) == std::multiset<std::string>(k_stored.begin(), k_stored.end()));
    CHECK(world.in_file_space().empty());
    CHECK_FALSE(fs::exists(world.root() + "/.links/t"));
    CHECK(world.stored("stays") == "not asked for");
    CHECK(world.temporaries().empty());
    world.store(); // nothing of it comes back
    for (const std::string& path : k_stored)
        CHECK_FALSE(world.link(path));
}

} // namespace

TEST_CASE("delete killed at any call has every link in one place, and run again has deleted everything") {
    int points = 0;
    for (;;) {
        World world;
        prepare(world);
        INFO("killed at call ", points + 1);
        const bool ended = test::run_dying_at(points + 1, [&] { run_delete(world); }) == Ended::normally;
        check_links(world);
        run_delete(world);
        check_deleted(world);
        if (ended)
            break;
        ++points;
    }
    MESSAGE("killed at ", points, " points");
    CHECK(points > 20);
}

TEST_CASE("a store between a delete that was killed and its next run loses nothing and brings nothing back") {
    int points = 0;
    for (;; ++points) {
        World world;
        prepare(world);
        world.queue("2.q", world.upload_line("t/both") + "\n" + world.upload_line("t/waiting") + "\n");
        INFO("killed at call ", points + 1);
        const bool ended = test::run_dying_at(points + 1, [&] { run_delete(world); }) == Ended::normally;
        world.store();
        world.store();
        // What was not deleted yet is stored, once and whole.
        if (world.link("t/both"))
            CHECK((world.stored("t/both") == "a newer version" || world.stored("t/both") == "stored t/both"));
        if (world.link("t/waiting"))
            CHECK(world.stored("t/waiting") == "never stored");
        run_delete(world);
        CHECK(world.in_file_space().empty());
        CHECK_FALSE(fs::exists(world.root() + "/.links/t"));
        CHECK_FALSE(world.link("single"));
        CHECK(world.stored("stays") == "not asked for");
        if (ended)
            break;
    }
    CHECK(points > 20);
}

TEST_CASE("delete whose calls fail one at a time loses no link") {
    int points = 0;
    for (bool reached = true; reached;) {
        World world;
        prepare(world);
        INFO("failing at call ", points + 1);
        {
            const test::FaultAt fault(test::Fault::fails, points + 1);
            try {
                run_delete(world);
            } catch (const base::Error&) {
                // The program ends with a message and an exit status; the next run goes on.
            }
            reached = fault.was_reached();
        }
        check_links(world);
        run_delete(world);
        check_deleted(world);
        if (reached)
            ++points;
    }
    MESSAGE("failed at ", points, " points");
    CHECK(points > 20);
}
