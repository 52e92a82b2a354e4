// Choice of nodes, health, backlogs and shares of the lanes.
#include "processor/backoff.hpp"
#include "processor/node_choice.hpp"
#include "processor/node_health.hpp"
#include "processor/scheduler.hpp"
#include "support/manual_clock.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <thread>

using namespace nodespool;
using namespace std::chrono_literals;
using processor::JobPtr;
using processor::NodeChoice;
using processor::NodeHealth;
using processor::NodeState;
using processor::Scheduler;

namespace {

std::vector<node::NodeConfig> nodes(std::initializer_list<unsigned> connections) {
    std::vector<node::NodeConfig> list;
    for (const unsigned count : connections) {
        node::NodeConfig config;
        config.name = "n" + std::to_string(list.size() + 1);
        config.connections = count;
        list.push_back(config);
    }
    return list;
}

JobPtr job(const std::string& line = "store a 1 1") {
    auto made = std::make_unique<processor::Job>();
    made->record = queue::parse_job(line, {}, nullptr);
    return made;
}

std::map<std::size_t, int> lanes_by_node(Scheduler& scheduler, int lanes) {
    std::map<std::size_t, int> taken;
    for (int i = 0; i < lanes; ++i)
        ++taken[scheduler.take()->seats.targets.at(0)];
    return taken;
}

} // namespace

TEST_CASE("equal nodes take turns, also across runs") {
    NodeChoice first({{"n1", 1}, {"n2", 1}, {"n3", 1}});
    CHECK(first.next({true, true, true}) == 0);
    CHECK(first.next({true, true, true}) == 1);
    NodeChoice second({{"n1", 1}, {"n2", 1}, {"n3", 1}});
    second.restore(first.cursor());
    CHECK(second.next({true, true, true}) == 2);
    CHECK(second.next({true, true, true}) == 0);
}

TEST_CASE("weights are kept over any stretch, and spread") {
    NodeChoice choice({{"n1", 3}, {"n2", 1}});
    std::string order;
    for (int i = 0; i < 8; ++i)
        order += choice.next({true, true}) == 0 ? 'a' : 'b';
    CHECK(order == "aabaaaba");
}

TEST_CASE("a node that was not eligible does not catch up") {
    NodeChoice choice({{"n1", 1}, {"n2", 1}});
    for (int i = 0; i < 10; ++i)
        choice.next({true, false});
    int first = 0;
    for (int i = 0; i < 10; ++i)
        first += choice.next({true, true}) == 0 ? 1 : 0;
    CHECK(first == 5);
}

TEST_CASE("a damaged cursor does no lasting harm") {
    NodeChoice choice({{"n1", 1}, {"n2", 1}});
    choice.restore("n1 99999999999999\nn9 4\nrubbish");
    int first = 0;
    for (int i = 0; i < 10; ++i)
        first += choice.next({true, true}) == 0 ? 1 : 0;
    CHECK(first == 5);
}

TEST_CASE("a node that is down is probed by one job after its rest, and twice as late the next time") {
    NodeHealth health;
    base::MonotonicTime now{};
    CHECK(health.failed(node::Failure::node_down, "refused", now));
    CHECK_FALSE(health.is_usable(now + 29s));
    CHECK(health.is_usable(now + 30s));
    now += 30s;
    health.given(now);
    CHECK_FALSE(health.is_usable(now));
    CHECK(health.failed(node::Failure::node_down, "refused", now));
    CHECK_FALSE(health.is_usable(now + 59s));
    now += 60s;
    health.given(now);
    health.succeeded();
    CHECK(health.is_usable(now));
    CHECK(health.state() == NodeState::up);
}

TEST_CASE("failures in a row count as down, single ones do not") {
    NodeHealth health;
    CHECK_FALSE(health.failed(node::Failure::temporary, "busy", {}));
    CHECK_FALSE(health.failed(node::Failure::temporary, "busy", {}));
    health.succeeded();
    CHECK_FALSE(health.failed(node::Failure::temporary, "busy", {}));
    CHECK_FALSE(health.failed(node::Failure::temporary, "busy", {}));
    CHECK(health.failed(node::Failure::temporary, "busy", {}));
    CHECK(health.state() == NodeState::down);
}

TEST_CASE("a full node takes no more until somebody may have made room; a refused file says nothing about "
          "its node") {
    NodeHealth health;
    CHECK_FALSE(health.failed(node::Failure::permanent, "553", {}));
    CHECK(health.is_usable({}));
    base::MonotonicTime now{};
    CHECK(health.failed(node::Failure::node_full, "552", now));
    health.succeeded(); // a transfer that was under way
    CHECK_FALSE(health.is_usable(now + 299s));
    now += 300s;
    CHECK(health.is_usable(now));
    health.given(now);
    CHECK_FALSE(health.is_usable(now));
    health.succeeded();
    CHECK(health.is_usable(now));
}

TEST_CASE("while others have work no node holds more than its share of the lanes") {
    test::ManualMonotonicClock clock;
    SUBCASE("two nodes") {
        Scheduler scheduler(nodes({8, 8}), 8, clock);
        for (int i = 0; i < 32; ++i) {
            JobPtr next = job();
            REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
        }
        CHECK(lanes_by_node(scheduler, 8) == std::map<std::size_t, int>{{0, 4}, {1, 4}});
    }
    SUBCASE("one that takes few connections leaves the rest to the other") {
        Scheduler scheduler(nodes({1, 8}), 8, clock);
        for (int i = 0; i < 32; ++i) {
            JobPtr next = job();
            REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
        }
        CHECK(lanes_by_node(scheduler, 8) == std::map<std::size_t, int>{{0, 1}, {1, 7}});
    }
    SUBCASE("alone, a node has them all") {
        Scheduler scheduler(nodes({8, 8}), 8, clock);
        for (int i = 0; i < 8; ++i) {
            JobPtr next = job("store a 1 1 n2");
            REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
        }
        CHECK(lanes_by_node(scheduler, 8) == std::map<std::size_t, int>{{1, 8}});
    }
}

TEST_CASE("small jobs that share a connection get another one only when it is worth its login") {
    test::ManualMonotonicClock clock;
    std::vector<node::NodeConfig> configs = nodes({8, 8});
    configs[0].url = "sftp://h/";
    configs[1].url = "ftp://h/";
    Scheduler scheduler(configs, 8, clock);
    const auto place = [&](int count, const std::string& line) {
        for (int i = 0; i < count; ++i) {
            JobPtr next = job(line);
            REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
        }
    };
    place(2000, "store a 1 1 n1");
    auto first = scheduler.take();
    REQUIRE(first->seats.targets.at(0) == 0);
    using Lanes = std::map<std::size_t, int>;
    SUBCASE("one is enough, and the lanes are for the other node") {
        place(100, "store b 1 1 n2");
        CHECK(lanes_by_node(scheduler, 7) == Lanes{{1, 7}});
        scheduler.release(first->seats);
        CHECK(scheduler.take()->seats.targets.at(0) == 0);
    }
    SUBCASE("after a rate at which the rest takes long") {
        clock.time += 50ms;
        scheduler.succeeded(first->seats);
        clock.time += 200ms;
        scheduler.succeeded(first->seats);
        place(100, "store b 1 1 n2");
        CHECK(lanes_by_node(scheduler, 7) == Lanes{{0, 1}, {1, 6}});
    }
    SUBCASE("after a silence") {
        place(100, "store b 1 1 n2");
        clock.time += 2s;
        auto second = scheduler.take();
        CHECK(second->seats.targets.at(0) == 1);
        CHECK(lanes_by_node(scheduler, 6) == Lanes{{0, 1}, {1, 5}});
    }
    SUBCASE("for the bytes that wait") {
        place(9, "store c 16000000 1 n1");
        place(100, "store b 1 1 n2");
        CHECK(lanes_by_node(scheduler, 7) == Lanes{{0, 3}, {1, 4}});
    }
    SUBCASE("a large job has its own at once") {
        place(1, "store d 20000000 1 n1");
        place(100, "store b 1 1 n2");
        const auto small = scheduler.take();
        CHECK(small->seats.targets.at(0) == 1);
        bool took_large = false;
        for (int i = 0; i < 6; ++i) {
            const auto task = scheduler.take();
            took_large = took_large || task->job->record.path == "d";
        }
        CHECK(took_large);
    }
    SUBCASE("removals share one of FTP, too, stores do not") {
        place(10, "remove n2 00/00/x 1 path=x");
        place(1, "store b 1 1 n2");
        CHECK(scheduler.take()->seats.targets.at(0) == 1);
        CHECK(scheduler.take()->job->record.path == "b");
    }
    scheduler.close();
}

TEST_CASE("jobs that only a busy node may take do not stop those for others") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1}), 2, clock);
    for (int i = 0; i < 1000; ++i) { // far more than a backlog
        JobPtr next = job("store a 1 1 n1");
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    }
    JobPtr other = job("store b 1 1 n2");
    CHECK(scheduler.place(other) == Scheduler::Placement::placed);
    bool hopeless = false;
    for (int i = 0; i < 5000 && !hopeless; ++i) {
        JobPtr next = job("store a 1 1 n1");
        hopeless = scheduler.place(next) == Scheduler::Placement::no_room;
        CHECK((next != nullptr) == hopeless); // given back, not lost
    }
    CHECK(hopeless);
}

TEST_CASE("when a node fails for good, what waited for it comes back to be placed elsewhere") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({4, 4}), 4, clock);
    for (int i = 0; i < 10; ++i) {
        JobPtr next = job();
        scheduler.place(next);
    }
    auto task = scheduler.take();
    REQUIRE(task->seats.targets.at(0) == 0);
    auto waiting = scheduler.failed(0, node::Failure::node_down, "n1: refused");
    CHECK(waiting.size() == 4);
    for (JobPtr& next : waiting)
        CHECK(scheduler.place_again(next) == Scheduler::Placement::placed);
    JobPtr only = job("store a 1 1 n1");
    CHECK(scheduler.place(only) == Scheduler::Placement::no_node);
    CHECK(scheduler.why_no_node(*only) == "n1: refused (down)");
}

TEST_CASE("a node that is busy with large files keeps its turns, one that lags gives up what is too much") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1}), 2, clock);
    for (int i = 0; i < 400; ++i) {
        JobPtr next = job();
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    }
    CHECK(scheduler.report()[0].waiting == 200);
    CHECK(scheduler.report()[1].waiting == 200);
    auto large = scheduler.take(); // on n1, and it takes its time
    REQUIRE(large->seats.targets.at(0) == 0);
    for (int i = 0; i < 200; ++i) {
        auto small = scheduler.take();
        REQUIRE(small->seats.targets.at(0) == 1);
        scheduler.release(small->seats);
    }
    CHECK(scheduler.report()[0].waiting == 199);
    clock.time += 31s;
    auto relieved = scheduler.take();
    CHECK(relieved->seats.targets.at(0) == 1);
    CHECK(scheduler.report()[0].waiting == 135); // n2 has taken a backlog of 64
    scheduler.release(relieved->seats);
    for (int i = 0; i < 134; ++i) {
        auto small = scheduler.take();
        REQUIRE(small->seats.targets.at(0) == 1);
        scheduler.release(small->seats);
    }
    CHECK(scheduler.report()[0].waiting == 64);
    CHECK(scheduler.close().size() == 64);
}

TEST_CASE("a lane takes all nodes that a job needs at once, or waits") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1, 1}), 3, clock);
    const auto place = [&](unsigned targets, std::vector<bool> barred, std::vector<bool> sources) {
        JobPtr next = job();
        next->need = {std::move(barred), targets, std::move(sources)};
        return scheduler.place(next);
    };
    // Both need n1: one to read from, one to write to.
    REQUIRE(place(2, {true, false, false}, {true, false, false}) == Scheduler::Placement::placed);
    auto first = scheduler.take();
    REQUIRE(first);
    CHECK(std::set<std::size_t>(first->seats.targets.begin(), first->seats.targets.end()) ==
          std::set<std::size_t>{1, 2});
    CHECK(first->seats.source == 0);
    REQUIRE(place(1, {false, true, true}, {}) == Scheduler::Placement::placed);
    std::optional<Scheduler::Task> second;
    std::thread lane([&] { second = scheduler.take(); });
    CHECK(scheduler.report()[0].waiting == 1); // no connection to n1 is free
    scheduler.release(first->seats);
    lane.join();
    REQUIRE(second);
    CHECK(second->seats.targets == std::vector<std::size_t>{0});
    CHECK_FALSE(second->seats.source);
    scheduler.release(second->seats);
}

TEST_CASE("a job that waits for a busy source does not stop those behind it, for as long as it can wait") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 4, 4, 4}), 4, clock);
    const auto place = [&](const std::string& line, std::vector<bool> sources) {
        JobPtr next = job(line);
        next->need = {sources, 1, sources};
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    };
    place("store slow 1 1 n2", {true, false, false, false});
    const auto slow = scheduler.take(); // holds the only connection to n1
    REQUIRE(slow->seats.source == 0);
    place("store waits 1 1 n3", {true, false, false, false});
    for (const char* line : {"store b 1 1 n3", "store c 1 1 n3"})
        place(line, {false, false, false, true});
    const auto overtaking = scheduler.take();
    CHECK(overtaking->job->record.path == "b");
    clock.time += Scheduler::k_patience;
    std::optional<Scheduler::Task> waiting;
    std::thread lane([&] { waiting = scheduler.take(); });
    scheduler.release(overtaking->seats); // "c" may not overtake it any more
    scheduler.release(slow->seats);
    lane.join();
    CHECK(waiting->job->record.path == "waits");
    scheduler.release(waiting->seats);
}

TEST_CASE("a job with no node to read from is not placed; one whose last source fails is not stuck") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1}), 2, clock);
    const auto copy_from_n1 = [] {
        JobPtr next = job();
        next->need = {{true, false}, 1, {true, false}};
        return next;
    };
    JobPtr waiting = copy_from_n1();
    REQUIRE(scheduler.place(waiting) == Scheduler::Placement::placed);
    scheduler.failed(0, node::Failure::node_down, "n1: refused");
    auto task = scheduler.take();
    REQUIRE(task);
    CHECK_FALSE(task->seats.source);
    scheduler.release(task->seats);
    JobPtr late = copy_from_n1();
    CHECK(scheduler.place(late) == Scheduler::Placement::no_node);
    CHECK(scheduler.why_no_node(*late) == "no copy can be read: n1: refused (down)");
}

TEST_CASE("a full or unwritable node can still be read, and is not taken for better because of that") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({2, 2}), 2, clock);
    NodeState state = NodeState::full;
    SUBCASE("full") {
        scheduler.failed(0, node::Failure::node_full, "n1: 552");
    }
    SUBCASE("unwritable") {
        scheduler.failed(0, node::Failure::node_unwritable, "n1: Read-only file system");
        state = NodeState::unwritable;
    }
    for (const auto rest : {0s, 301s}) {
        clock.time += rest;
        JobPtr from_n1 = job();
        from_n1->need = {{true, false}, 1, {true, false}};
        REQUIRE(scheduler.place(from_n1) == Scheduler::Placement::placed);
        const auto task = scheduler.take();
        REQUIRE(task->seats.source == 0);
        scheduler.succeeded(0);
        scheduler.release(task->seats);
        CHECK(scheduler.report()[0].state == state);
    }
    scheduler.failed(0, node::Failure::node_down, "n1: refused");
    JobPtr late = job();
    late->need = {{true, false}, 1, {true, false}};
    CHECK(scheduler.place(late) == Scheduler::Placement::no_node);
}

TEST_CASE("a node that is closed while its probe waits can be probed once it is open again") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1}), 1, clock);
    scheduler.failed(0, node::Failure::node_down, "n1: refused");
    clock.time += 31s;
    JobPtr probe = job();
    REQUIRE(scheduler.place(probe) == Scheduler::Placement::placed);
    CHECK(scheduler.close_nodes({"draining"}).size() == 1);
    scheduler.close_nodes({""});
    JobPtr next = job();
    CHECK(scheduler.place(next) == Scheduler::Placement::placed);
}

TEST_CASE("another source takes the place of one that failed, where its connection is free") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1, 1}), 2, clock);
    JobPtr next = job();
    next->need = {{true, true, false}, 1, {true, true, false}};
    REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    auto task = scheduler.take();
    REQUIRE(task->seats.source);
    const std::size_t first = *task->seats.source;
    task->job->tried_sources.assign(3, false);
    task->job->tried_sources[first] = true;
    scheduler.change_source(*task->job, task->seats);
    CHECK(task->seats.source == 1 - first);
    task->job->tried_sources[1 - first] = true;
    scheduler.change_source(*task->job, task->seats);
    CHECK_FALSE(task->seats.source);
    scheduler.release(task->seats);
}

TEST_CASE("a node that the operator closes gives its jobs back, and says why it takes none") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({1, 1}), 2, clock);
    for (int i = 0; i < 4; ++i) {
        JobPtr next = job();
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    }
    CHECK(scheduler.close_nodes({"draining", ""}).size() == 2);
    JobPtr only = job("store a 1 1 n1");
    CHECK(scheduler.place(only) == Scheduler::Placement::no_node);
    CHECK(scheduler.why_no_node(*only) == "n1: draining");
    CHECK(scheduler.close_nodes({"", ""}).empty());
    CHECK(scheduler.place(only) == Scheduler::Placement::placed);
}

TEST_CASE("closing gives every waiting job back and lets lanes go") {
    test::ManualMonotonicClock clock;
    Scheduler scheduler(nodes({4}), 4, clock);
    for (int i = 0; i < 3; ++i) {
        JobPtr next = job();
        scheduler.place(next);
    }
    CHECK(scheduler.close().size() == 3);
    CHECK_FALSE(scheduler.take());
    JobPtr late = job();
    CHECK(scheduler.place(late) == Scheduler::Placement::interrupted);
    CHECK(scheduler.place_here(late) == Scheduler::Placement::interrupted);
    CHECK(late);
}

TEST_CASE("backoff doubles from a minute to an hour, give or take a fifth") {
    CHECK(processor::backoff_seconds(0, 0.5) == doctest::Approx(60));
    CHECK(processor::backoff_seconds(1, 0.5) == doctest::Approx(120));
    CHECK(processor::backoff_seconds(3, 0.0) == doctest::Approx(480 * 0.8));
    CHECK(processor::backoff_seconds(3, 1.0) == doctest::Approx(480 * 1.2));
    CHECK(processor::backoff_seconds(4000000000U, 0.5) == doctest::Approx(3600));
}
