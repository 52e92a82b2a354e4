// The loop itself: what it notices while a run is under way, and how a run ends.
#include "base/error.hpp"
#include "base/fs_observer.hpp"
#include "processor/remove_work.hpp"
#include "processor/store_work.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace nodespool;
using processor::Follow;
using processor::Job;
using processor::Result;
using test::World;

namespace fs = std::filesystem;

namespace {

/// Work that is interfered with just before the loop asks it for something.
class Meddled final : public processor::Work {
  public:
    explicit Meddled(processor::Work& work) : m_work(&work) {}

    std::vector<queue::Keyword> keywords() const override { return m_work->keywords(); }
    std::string_view verb() const override { return m_work->verb(); }
    std::string_view done_word() const override { return m_work->done_word(); }
    processor::Use use() const override { return m_work->use(); }
    std::vector<std::string> watched_directories() const override { return m_work->watched_directories(); }
    std::vector<base::HeldDirectory> held_directories() const override { return m_work->held_directories(); }
    void prepare() override { m_work->prepare(); }
    processor::Assessment assess(Job& job) override {
        meddle(before_assess);
        return m_work->assess(job);
    }
    std::unique_ptr<processor::Errand> begin(Job& job, const std::string& node) override {
        meddle(before_begin);
        return m_work->begin(job, node);
    }
    void act(Job& job, processor::HeldNodes* nodes) override { m_work->act(job, nodes); }
    void commit(std::vector<Job*>& group) override {
        meddle(before_commit);
        m_work->commit(group);
    }
    void release(std::vector<Job*>& group) override {
        meddle(before_release);
        m_work->release(group);
    }
    void clean_up() override {
        ++clean_ups;
        m_work->clean_up();
    }

    // Each is called once.
    std::function<void()> before_assess;
    std::function<void()> before_begin;
    std::function<void()> before_commit;
    std::function<void()> before_release;
    int clean_ups = 0;

  private:
    static void meddle(std::function<void()>& once) {
        if (once)
            std::exchange(once, {})();
    }

    processor::Work* m_work;
};

struct Run {
    explicit Run(World& world, const std::function<void(Meddled&)>& meddle) {
        base::StopSignal stop;
        const queue::Spool spool(world.root(), base::system_clock());
        const catalog::Catalog catalog(world.root());
        processor::StoreWork work(world.cluster, spool, catalog, std::nullopt, [&] { return stop.state(); });
        run(world, work, spool, stop, meddle);
    }
    struct OfRemove {};
    Run(World& world, OfRemove, const std::function<void(Meddled&)>& meddle) {
        base::StopSignal stop;
        const queue::Spool spool(world.root(), base::system_clock());
        const catalog::Catalog catalog(world.root());
        processor::RemoveWork work(world.cluster, spool, catalog);
        run(world, work, spool, stop, meddle);
    }

    std::map<Result, int> ended;
    std::optional<base::ErrorClass> error_class;
    std::string error;

  private:
    void run(World& world, processor::Work& work, const queue::Spool& spool, base::StopSignal& stop,
             const std::function<void(Meddled&)>& meddle) {
        Meddled meddled(work);
        meddle(meddled);
        processor::RunOptions options;
        options.lanes = 2;
        options.second_look = std::chrono::milliseconds(0);
        options.look_around = std::chrono::milliseconds(0);
        options.on_end = [this](const Job& job) { ++ended[job.outcome.result]; };
        try {
            processor::Processor(world.cluster, spool, meddled, stop, options).run();
        } catch (const base::Error& thrown) {
            error_class = thrown.error_class();
            error = thrown.what();
        }
    }
};

/// Counts how often the thread that made it looks at it: again and again, while a run waits for its jobs.
class FeederClock final : public base::Clock {
  public:
    [[nodiscard]] base::Timestamp now() const override { return base::system_clock().now(); }
    [[nodiscard]] base::MonotonicTime monotonic() const override {
        m_looks += std::this_thread::get_id() == m_feeder ? 1 : 0;
        return base::system_clock().monotonic();
    }
    void sleep_for(std::chrono::milliseconds duration) const override {
        base::system_clock().sleep_for(duration);
    }
    [[nodiscard]] std::uint64_t looks() const { return m_looks; }

  private:
    std::thread::id m_feeder = std::this_thread::get_id();
    mutable std::atomic<std::uint64_t> m_looks{0};
};

/// Another directory under the same name, with the same in it.
void replace(const std::string& directory) {
    fs::rename(directory, directory + ".bad");
    fs::copy(directory + ".bad", directory, fs::copy_options::recursive);
}

std::string was_replaced(const std::string& path) {
    return path + " was replaced while this program ran: start it again";
}

} // namespace

TEST_CASE("what is not in a file space that was replaced drops no job") {
    World world;
    world.upload("a", "content");
    const std::string line = world.upload_line("a");
    fs::rename(world.cluster.files, world.cluster.files + ".mounted-later");
    fs::create_directory(world.cluster.files);
    const queue::Spool spool(world.root(), base::system_clock()); // makes the directory
    world.queue("1.q", line + "\n");
    const Run run(world, [&](Meddled& work) {
        work.before_assess = [&] {
            fs::rename(world.cluster.files, world.cluster.files + ".below");
            fs::rename(world.cluster.files + ".mounted-later", world.cluster.files);
        };
    });
    CHECK(run.error == was_replaced(world.cluster.files));
    CHECK(run.error_class == base::ErrorClass::io);
    CHECK_FALSE(run.ended.contains(Result::stale));
    CHECK(world.jobs().size() == 1);
    CHECK(world.store().count(Result::done) == 1);
    CHECK(world.stored("a") == "content");
}

TEST_CASE("an upload that was recorded in a catalogue that is replaced stays") {
    World world;
    world.put("before", "x"); // makes the catalogue
    world.upload("a", "content");
    world.queue("1.q", world.upload_line("a") + "\n");
    const std::string links = world.root() + "/.links";
    const auto meddle = [&](Meddled& work) {
        SUBCASE("before the commit") {
            work.before_commit = [&] { replace(links); };
        }
        SUBCASE("between the commit and the second look") {
            work.before_release = [&] { // a backup has what was there before
                replace(links);
                fs::remove(links + "/a");
            };
        }
    };
    const Run run(world, meddle);
    CHECK(run.error.starts_with(links)); // or the directory of locks in it
    CHECK(run.error_class == base::ErrorClass::io);
    CHECK_FALSE(run.ended.contains(Result::done));
    CHECK(world.in_file_space().size() == 1);
    CHECK(world.jobs().size() == 1);
    world.store();
    world.store(); // the job that was queued for a hidden one
    CHECK(world.stored("a") == "content");
    CHECK(world.stored("before") == "x");
    CHECK(world.in_file_space().empty());
    CHECK(world.jobs().empty());
}

TEST_CASE("a copy that a restored catalogue records is not removed") {
    World world;
    const catalog::Copy copy = world.put("a", "content").servers.front();
    const std::string links = world.root() + "/.links";
    fs::copy(links, links + ".backup", fs::copy_options::recursive);
    fs::remove(links + "/a");
    world.queue("1.q", "remove " + copy.node + " " + copy.name + " 7 path=a\n");
    const Run run(world, Run::OfRemove{}, [&](Meddled& work) {
        work.before_begin = [&] {
            fs::rename(links, links + ".bad");
            fs::rename(links + ".backup", links);
        };
    });
    CHECK(run.error.starts_with(links)); // or the directory of locks in it
    CHECK(run.error_class == base::ErrorClass::io);
    CHECK(world.stored("a") == "content");
    CHECK(world.jobs().size() == 1);
    CHECK(world.remove().count(Result::stale) == 1);
    CHECK(world.stored("a") == "content");
}

TEST_CASE("a mark counts within a queue file") {
    World world;
    std::string text;
    constexpr std::size_t k_jobs = 40;
    for (std::size_t i = 0; i < k_jobs; ++i) {
        const std::string name = "f" + std::to_string(i);
        world.upload(name, name);
        text += world.upload_line(name) + "\n";
    }
    const queue::Spool spool(world.root(), base::system_clock()); // makes the directory
    world.queue("1.q", text);
    const auto mark = [&](const std::string& marks) {
        return [&world, marks](Meddled& work) {
            work.before_assess = [&world, marks] { test::write_file(world.root() + "/.nodes", marks); };
        };
    };
    SUBCASE("one that closes a node") {
        const Run run(world, mark("n1 read-only\n"));
        CHECK(run.error.empty());
        CHECK(run.ended.at(Result::done) == k_jobs);
        CHECK(world.on_node("n1").size() <= 1); // the job that was on its way there
    }
    SUBCASE("one that cannot be understood ends the run") {
        const Run run(world, mark("n1 closed\n"));
        CHECK(run.error_class == base::ErrorClass::config);
        CHECK(run.error == world.root() + "/.nodes:1: found 'closed', expected draining or read-only");
        CHECK(world.jobs().size() >= k_jobs - 1);
    }
}

TEST_CASE("a run that is told to stop while a pass ends waits for what is under way") {
    /// The signal comes when the end of the pass saves the cursor, while a job is being committed.
    class Signal final : public base::FsObserver {
      public:
        Signal(const base::StopSignal& stop, const std::atomic<bool>& is_under_way)
            : m_stop(&stop),
              m_is_under_way(&is_under_way) {
            base::set_fs_observer(this);
        }
        ~Signal() override { base::set_fs_observer(nullptr); }
        void before(base::FsCall, std::string_view path) override {
            if (path.find("round-robin") == path.npos || std::exchange(m_was_sent, true))
                return;
            while (!*m_is_under_way)
                std::this_thread::yield();
            ::kill(::getpid(), SIGTERM);
            while (m_stop->state() == base::Stop::no)
                std::this_thread::yield();
        }

      private:
        const base::StopSignal* m_stop;
        const std::atomic<bool>* m_is_under_way;
        bool m_was_sent = false;
    };
    World world;
    world.put("before", "x");
    fs::remove(world.root() + "/.state/round-robin-store");
    world.upload("a", "content");
    world.queue("1.q", world.upload_line("a") + "\n");

    base::StopSignal stop;
    const FeederClock clock;
    const queue::Spool spool(world.root(), clock);
    const catalog::Catalog catalog(world.root());
    processor::StoreWork store(world.cluster, spool, catalog, std::nullopt, [&] { return stop.state(); });
    Meddled work(store);
    std::atomic<bool> is_under_way{false};
    std::atomic<bool> has_returned{false};
    work.before_commit = [&] { // until the run waits for it, or has returned without it
        is_under_way = true;
        while (stop.state() == base::Stop::no)
            std::this_thread::yield();
        constexpr std::uint64_t k_looks_of_one_that_waits = 10;
        const std::uint64_t before = clock.looks();
        while (!has_returned && clock.looks() < before + k_looks_of_one_that_waits)
            std::this_thread::yield();
    };
    const Signal signal(stop, is_under_way);
    processor::RunOptions options;
    options.follow = Follow::yes;
    options.look_around = std::chrono::milliseconds(0);
    processor::Processor processor(world.cluster, spool, work, stop, options);
    const processor::Summary summary = processor.run();
    has_returned = true;
    CHECK(summary.count(Result::done) == 1);
    CHECK(work.clean_ups > 0);
    CHECK(world.stored("a") == "content");
}
