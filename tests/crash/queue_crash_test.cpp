// The upload hook and what changes the queue by hand (add, retry, take, filter, hold, release, rejected
// --requeue), killed at every call that changes the disk.
#include "base/file_system.hpp"
#include "processor/uploads.hpp"
#include "queue/add.hpp"
#include "queue/filter.hpp"
#include "queue/hold.hpp"
#include "queue/requeue.hpp"
#include "queue/retry.hpp"
#include "queue/take.hpp"
#include "support/fault.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
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

/// Complete lines of a file that may not be there.
std::vector<std::string> lines_in(const std::string& path) {
    std::vector<std::string> lines;
    if (!std::filesystem::exists(path))
        return lines;
    std::string text = test::read_file(path);
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        lines.push_back(text.substr(0, end));
        text.erase(0, end + 1);
    }
    return lines;
}

std::set<std::string> set_of(const std::vector<std::string>& lines) {
    return {lines.begin(), lines.end()};
}

/// As `queue take upload >>FILE`.
void take_into(const World& world, const std::string& path) {
    const queue::Spool spool(world.root(), base::system_clock());
    const base::Fd out = base::open_at(base::k_cwd, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    queue::take_jobs(
        spool, {}, std::nullopt,
        [&](const std::vector<queue::TakenJob>& group) {
            for (const queue::TakenJob& job : group)
                base::write_all(out.get(), std::string(job.text) + '\n', path);
            base::sync_file(out.get(), path);
        },
        [](const std::string&) {});
}

/// As `queue filter upload`, with a policy that puts every job on n2.
void filter_to_n2(const World& world, queue::BatchLimits limits) {
    const queue::Spool spool(world.root(), base::system_clock());
    const queue::NodeNames known{"n1", "n2"};
    const queue::Policy policy{
        {"awk", "{ print $1, $2, $3, $4, $5, \"n2 since=5\" }"}, {}, &known, queue::Drops::refused};
    queue::PolicyTotals totals;
    queue::filter_jobs(
        spool, {}, policy, totals, [](const std::string&) {}, limits);
}

void move_all(const World& world, queue::Move direction) {
    const queue::Spool spool(world.root(), base::system_clock());
    queue::FileMover mover(spool, direction);
    for (const std::string& name : mover.names())
        mover.move(name);
    mover.commit();
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

TEST_CASE("queue take killed at any call has printed each job, or left it in the queue") {
    int points = 0;
    for (;; ++points) {
        World world;
        world.queue("0-a.q", "upload a 0 1 1 since=5\nupload b 0 1 1 since=5\n");
        world.queue("b.q", "store s 1 1\nupload c 0 1 1 since=5\n");
        world.queue("c.q", "upload d 0 1 1 since=5\nupload e 0 1 1 since=5\n");
        const std::set<std::string> all = {"upload a 0 1 1 since=5", "upload b 0 1 1 since=5",
                                           "upload c 0 1 1 since=5", "upload d 0 1 1 since=5",
                                           "upload e 0 1 1 since=5", "store s 1 1"};
        const std::string output = world.root() + "/output";
        INFO("killed at call ", points + 1);
        const bool ended =
            test::run_dying_at(points + 1, [&] { take_into(world, output); }) == Ended::normally;
        const auto left = world.jobs();
        CHECK(set_of(left).size() == left.size()); // none twice
        std::set<std::string> somewhere = set_of(left);
        somewhere.merge(set_of(lines_in(output)));
        CHECK(somewhere == all);
        if (ended)
            CHECK(lines_in(output).size() == 5); // without a crash each of them once
        take_into(world, output);
        CHECK(world.jobs() == std::vector<std::string>{"store s 1 1"});
        CHECK(set_of(lines_in(output)).size() == 5);
        if (ended)
            break;
    }
    CHECK(points > 10);
}

TEST_CASE("queue filter killed at any call loses no job, and each file is stored once") {
    int points = 0;
    for (;; ++points) {
        World world;
        std::vector<std::string> lines;
        for (const std::string name : {"one", "two", "three"}) {
            world.upload(name, name);
            lines.push_back(world.upload_line(name));
        }
        world.queue("a.q", lines[0] + " since=5\n" + lines[1] + " since=5\n");
        world.queue("b.q", lines[2] + " since=5\n");
        // Two batches: a crash of the second must not touch the first.
        const queue::BatchLimits two_jobs{2, 1U << 20U, queue::Priorities::apart};
        INFO("killed at call ", points + 1);
        const bool ended =
            test::run_dying_at(points + 1, [&] { filter_to_n2(world, two_jobs); }) == Ended::normally;
        const auto left = world.jobs();
        CHECK(set_of(left).size() == left.size());
        for (const std::string& line : lines)
            CHECK(std::any_of(left.begin(), left.end(),
                              [&](const std::string& job) { return job.starts_with(line); }));
        if (ended)
            CHECK(left.size() == 3);
        filter_to_n2(world, queue::k_policy_batch);
        std::set<std::string> expected;
        for (const std::string& line : lines)
            expected.insert(line + " n2 since=5");
        CHECK(set_of(world.jobs()) == expected);
        CHECK(world.temporaries().empty());
        world.store();
        for (const std::string name : {"one", "two", "three"})
            CHECK(world.stored(name) == name);
        CHECK(world.on_node("n1").empty());
        CHECK(world.on_node("n2").size() == 3);
        CHECK(world.jobs().empty());
        if (ended)
            break;
    }
    CHECK(points > 10);
}

TEST_CASE("queue hold and queue release killed at any call leave each file in one place, whole") {
    for (const queue::Move direction : {queue::Move::hold, queue::Move::release}) {
        int points = 0;
        for (;; ++points) {
            World world;
            const std::string from = direction == queue::Move::hold ? "" : "held/";
            world.queue("held/other.q", "upload h 0 1 1\n");
            world.queue("other.q", "upload o 0 1 1\n"); // its name is taken on the other side
            world.queue(from + "a.q", "upload a 0 1 1\n");
            world.queue(from + "b.q", "upload b 0 1 1\n");
            INFO("killed at call ", points + 1);
            const bool ended =
                test::run_dying_at(points + 1, [&] { move_all(world, direction); }) == Ended::normally;
            for (const std::string name : {"a.q", "b.q"}) {
                const std::string queued = world.root() + "/.queue/" + name;
                const std::string held = world.root() + "/.queue/held/" + name;
                CHECK(std::filesystem::exists(queued) != std::filesystem::exists(held));
                CHECK(lines_in(queued).size() + lines_in(held).size() == 1);
            }
            CHECK(test::read_file(world.root() + "/.queue/held/other.q") == "upload h 0 1 1\n");
            CHECK(test::read_file(world.root() + "/.queue/other.q") == "upload o 0 1 1\n");
            if (ended)
                break;
        }
        CHECK(points >= 4); // two renames, two directories
    }
}

TEST_CASE("queue rejected --requeue killed at any call loses neither a good line nor a bad one") {
    int points = 0;
    for (;; ++points) {
        World world;
        world.queue("rejected/a.q", "# why\nstore a 1 1\nstore bad\nstore b 1 1\n");
        world.queue("rejected/b.q", "store c 1 1\n");
        INFO("killed at call ", points + 1);
        const auto requeue = [&] {
            const queue::Spool spool(world.root(), base::system_clock());
            queue::requeue_rejected(spool, spool.rejected_files(), {}, [](const std::string&) {});
        };
        const bool ended = test::run_dying_at(points + 1, requeue) == Ended::normally;
        CHECK(world.rejected().find("\nstore bad\n") != std::string::npos);
        for (const std::string name : {"a", "b", "c"}) {
            const std::string line = "store " + name + " 1 1";
            const auto jobs = world.jobs();
            const auto count = std::count(jobs.begin(), jobs.end(), line);
            CHECK(count <= 1);
            CHECK((count == 1 || world.rejected().find(line + "\n") != std::string::npos));
        }
        if (ended)
            CHECK(world.jobs().size() == 3);
        requeue();
        CHECK(set_of(world.jobs()) == std::set<std::string>{"store a 1 1", "store b 1 1", "store c 1 1"});
        CHECK(world.rejected().find("\nstore bad\n") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(world.root() + "/.queue/rejected/b.q"));
        if (ended)
            break;
    }
    CHECK(points > 10);
}
