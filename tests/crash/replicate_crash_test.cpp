// replicate and remove, killed and failed at every call that changes the disk, then simply run again.
#include "catalog/deleted.hpp"
#include "queue/retry.hpp"
#include "support/fault.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

using namespace nodespool;
using test::Ended;
using test::World;

namespace {

void one_lane(processor::RunOptions& options) {
    options.lanes = 1;
}

/// `one` is to get one copy more, `three` three copies in all, from two jobs; `old` has a `gone` copy whose
/// removal was never queued; `local` waits in the file space for its second copy.
void prepare_copies(World& world) {
    world.add_node("n3");
    world.cluster.release_at_copies = 2;
    for (const char* path : {"one", "a/three", "old", "local"})
        world.upload(path, std::string("content of ") + path);
    world.queue("0.q", world.upload_line("one") + "\n" + world.upload_line("a/three") + "\n" +
                           world.upload_line("old") + "\n" + world.upload_line("local") + "\n");
    world.store(one_lane);
    catalog::Link old = world.link("old").value();
    old.gone.push_back({old.servers.front().node, "63/63/gone", {}});
    test::write_file(world.root() + "/" + old.gone.front().node + "/63/63/gone", "an older version");
    test::write_file(world.root() + "/.links/old", catalog::format_link(old));
    world.queue("1.q",
                world.replicate_line("one") + "\n" + world.replicate_line("a/three", "copies=3") + "\n");
    world.queue("2.q", world.replicate_line("a/three", "copies=2") + "\n" +
                           world.replicate_line("old", "copies=2") + "\n" +
                           world.replicate_line("local", "copies=2") + "\nreplicate one 1 1\n");
}

void check_copies(const World& world, const std::string& path, std::size_t wanted) {
    INFO(path);
    const catalog::Link link = world.link(path).value();
    CHECK(link.servers.size() == wanted);
    CHECK(link.gone.empty());
    std::set<std::string> nodes;
    for (const catalog::Copy& copy : link.servers) {
        nodes.insert(copy.node);
        CHECK(test::read_file(world.copy_path(copy)) == "content of " + path);
    }
    CHECK(nodes.size() == wanted);
}

/// What must hold once the programs have run undisturbed again, whatever happened before.
void check_all_copies(const World& world) {
    check_copies(world, "one", 2);
    check_copies(world, "a/three", 3);
    check_copies(world, "old", 2);
    check_copies(world, "local", 2);
    CHECK(world.in_file_space().empty());
    CHECK(world.jobs().empty());
    CHECK(world.unrecorded().empty());
    CHECK(world.temporaries().empty());
}

/// What an injected failure deferred is due now.
void retry(const World& world) {
    const queue::Spool spool(world.root(), base::system_clock());
    queue::retry_deferred(spool, [](const queue::JobRecord&) { return true; });
}

void run_all(World& world) {
    for (int i = 0; i < 2; ++i) { // the second settles what the first set aside but could not yet judge
        retry(world);
        world.replicate();
        world.store();
        world.remove();
    }
}

void prepare_removals(World& world) {
    world.upload("keep", "kept");
    world.upload("gone", "deleted");
    world.queue("0.q", world.upload_line("keep") + "\n" + world.upload_line("gone") + "\n");
    world.store(one_lane);
    world.queue("0.q", world.replicate_line("gone", "copies=2") + "\n");
    world.replicate(one_lane);
    const catalog::Catalog catalog(world.root());
    const catalog::Deleted deleted(world.root());
    {
        catalog::LinkBatch batch(catalog, {"gone"});
        batch.move_to_deleted("gone", deleted);
        batch.commit();
    }
    test::write_file(world.root() + "/n1/00/00/loose", "x");
    const catalog::Copy kept = world.link("keep")->servers.front();
    world.queue("1.q", "remove n1 00/00/loose 1\nremove " + kept.node + " " + kept.name + " 4 path=keep\n");
}

void check_removals(const World& world) {
    CHECK(world.stored("keep") == "kept");
    CHECK(world.on_node("n1").size() + world.on_node("n2").size() == 1);
    CHECK(world.jobs().empty());
    CHECK(std::filesystem::is_empty(world.root() + "/.deleted"));
    CHECK(world.temporaries().empty());
}

/// @return how many calls were reached
int kill_at_every_call(const std::function<void(World&)>& prepare, const std::function<void(World&)>& run,
                       const std::function<void(World&)>& finish) {
    for (int points = 0;; ++points) {
        World world;
        prepare(world);
        INFO("killed at call ", points + 1);
        if (test::run_dying_at(points + 1, [&] { run(world); }) == Ended::normally)
            return points;
        finish(world);
    }
}

int fail_at_every_call(const std::function<void(World&)>& prepare, const std::function<void(World&)>& run,
                       const std::function<void(World&)>& finish) {
    for (int points = 0;; ++points) {
        World world;
        prepare(world);
        INFO("failing at call ", points + 1);
        {
            const test::FaultAt fault(test::Fault::fails, points + 1);
            try {
                run(world);
            } catch (const base::Error&) {
                // The program ends with a message and an exit status; the next run goes on.
            }
            if (!fault.was_reached())
                return points;
        }
        finish(world);
    }
}

} // namespace

TEST_CASE("replicate killed or failing at any call makes neither more nor fewer copies") {
    const auto run = [](World& world) { world.replicate(one_lane); };
    const auto finish = [](World& world) {
        run_all(world);
        check_all_copies(world);
    };
    const int killed = kill_at_every_call(prepare_copies, run, finish);
    const int failed = fail_at_every_call(prepare_copies, run, finish);
    MESSAGE("killed at ", killed, " points, failed at ", failed);
    CHECK(killed > 50);
    CHECK(failed > 50);
}

TEST_CASE("remove killed or failing at any call forgets no copy and keeps those that are recorded") {
    const auto run = [](World& world) { world.remove(one_lane); };
    const auto finish = [](World& world) {
        for (int i = 0; i < 2; ++i) {
            retry(world);
            world.remove();
        }
        check_removals(world);
    };
    const int killed = kill_at_every_call(prepare_removals, run, finish);
    const int failed = fail_at_every_call(prepare_removals, run, finish);
    MESSAGE("killed at ", killed, " points, failed at ", failed);
    CHECK(killed > 15);
    CHECK(failed > 15);
}
