// The upload hook, queue add and queue retry, killed at every call that changes the disk.
#include "base/file_system.hpp"
#include "processor/uploads.hpp"
#include "queue/add.hpp"
#include "queue/retry.hpp"
#include "support/fault.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <set>

using namespace nodespool;
using test::Ended;
using test::World;

namespace {

void hook(World& world, const std::vector<std::string>& paths) {
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::UploadQueue uploads(files, spool);
    for (const std::string& path : paths)
        uploads.add(path);
    uploads.commit();
}

void scan(World& world) {
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::UploadQueue uploads(files, spool);
    scan_uploads(world.cluster, files, spool, &uploads,
                 {[](const processor::Upload&) {}, [](const std::string&, processor::Skipped) {}});
    uploads.commit();
}

} // namespace

TEST_CASE("a hook killed at any call is made good by a scan, and the file is stored once") {
    int points = 0;
    for (;; ++points) {
        World world;
        world.upload("in/one", "1");
        world.upload("two", "22");
        INFO("killed at call ", points + 1);
        if (test::run_dying_at(points + 1, [&] { hook(world, {"in/one", "two"}); }) == Ended::normally)
            break;
        const auto after_crash = world.jobs();
        CHECK((after_crash.empty() || after_crash.size() == 2)); // all of them or none
        scan(world);
        CHECK(world.jobs().size() == 2);
        world.store();
        CHECK(world.stored("in/one") == "1");
        CHECK(world.stored("two") == "22");
        CHECK(world.temporaries().empty());
    }
    CHECK(points > 5);
}

TEST_CASE("queue add killed at any call has queued all of the lines or none") {
    int points = 0;
    for (;; ++points) {
        World world;
        test::write_file(world.root() + "/lines", "store a 1 1\nnonsense\nstore b 2 2\n");
        const base::Fd input = base::open_at(base::k_cwd, world.root() + "/lines", O_RDONLY);
        INFO("killed at call ", points + 1);
        const auto add = [&] {
            const queue::Spool spool(world.root(), base::system_clock());
            queue::add_jobs(&spool, input.get(), "lines", {}, queue::Priority::normal,
                            [](const std::string&) {});
        };
        if (test::run_dying_at(points + 1, add) == Ended::normally) {
            CHECK(world.jobs().size() == 2);
            CHECK(world.rejected().find("nonsense") != std::string::npos);
            break;
        }
        const std::size_t jobs = world.jobs().size();
        CHECK((jobs == 0 || jobs == 2));
    }
    CHECK(points > 5);
}

TEST_CASE("queue retry killed at any call loses no job") {
    int points = 0;
    for (;; ++points) {
        World world;
        world.queue("5.q", "# why\nstore a 1 1 attempts=3 not-before=9999999999\nstore b 1 1\n"
                           "store c 1 1 not-before=9999999999\n");
        INFO("killed at call ", points + 1);
        const auto retry = [&] {
            const queue::Spool spool(world.root(), base::system_clock());
            queue::retry_deferred(spool, [](const queue::JobRecord&) { return true; });
        };
        const bool ended = test::run_dying_at(points + 1, retry) == Ended::normally;
        retry();
        std::set<std::string> jobs;
        for (const std::string& line : world.jobs())
            jobs.insert(line);
        CHECK(jobs == std::set<std::string>{"store a 1 1 attempts=3", "store b 1 1", "store c 1 1"});
        if (ended)
            break;
    }
    CHECK(points > 5);
}
