// store, killed and failed at every call that changes the disk, then simply run again.
#include "support/fault.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

using namespace nodespool;
using test::Ended;
using test::World;

namespace {

/// An earlier version is stored; a new one, a duplicated job, a stale one, a bad line and a file in a
/// directory wait.
void prepare(World& world) {
    world.upload("report", "first version");
    world.queue("1.q", world.upload_line("report") + "\n");
    world.store();
    world.upload("report", "second version, longer");
    world.upload("twice", "the same file in two jobs");
    world.upload("a/b/deep", std::string(200000, 'd'));
    world.upload("empty", "");
    world.queue("2.q", world.upload_line("report") + "\n" + world.upload_line("twice") + "\n");
    world.queue("3.q", "# a comment\n" + world.upload_line("twice") + "\nstore twice 1 1\nstore nonsense\n" +
                           world.upload_line("a/b/deep") + "\n");
    world.queue("4.q", world.upload_line("empty") + "\nreplicate report 1 1\n");
}

/// What must hold once store has run undisturbed again, whatever happened before.
void check(const World& world) {
    CHECK(world.stored("report") == "second version, longer");
    CHECK(world.stored("twice") == "the same file in two jobs");
    CHECK(world.stored("a/b/deep") == std::string(200000, 'd'));
    CHECK(world.stored("empty").empty());
    CHECK(world.in_file_space().empty());
    CHECK(world.unrecorded().empty());
    CHECK(world.temporaries().empty());
    CHECK(world.rejected().find("store nonsense") != std::string::npos);
    // What is left waits for other programs: the old copy's removal (twice does no harm) and the foreign job.
    std::size_t foreign = 0;
    std::size_t removals = 0;
    for (const std::string& line : world.jobs()) {
        foreign += line.starts_with("replicate report") ? 1 : 0;
        removals += line.starts_with("remove ") ? 1 : 0;
    }
    CHECK(foreign == 1);
    CHECK(removals >= 1);
    CHECK(world.jobs().size() == foreign + removals);
}

} // namespace

TEST_CASE("store killed at any call loses nothing and does nothing twice") {
    int points = 0;
    for (;;) {
        World world;
        prepare(world);
        const int point = points + 1;
        INFO("killed at call ", point);
        if (test::run_dying_at(point, [&] { world.store([](auto& options) { options.lanes = 1; }); }) ==
            Ended::normally)
            break;
        ++points;
        world.store();
        world.store(); // settles what the run before set aside but could not yet judge
        check(world);
    }
    MESSAGE("killed at ", points, " points");
    CHECK(points > 50);
}

TEST_CASE("store whose calls fail one at a time loses nothing") {
    int points = 0;
    for (bool reached = true; reached;) {
        World world;
        prepare(world);
        INFO("failing at call ", points + 1);
        {
            const test::FaultAt fault(test::Fault::fails, points + 1);
            try {
                world.store();
            } catch (const base::Error&) {
                // The program ends with a message and an exit status; the next run goes on.
            }
            reached = fault.was_reached();
        }
        if (!reached)
            break;
        ++points;
        world.store();
        world.store();
        check(world);
    }
    MESSAGE("failed at ", points, " points");
    CHECK(points > 50);
}
