// Who is next at one node: size, priority, streams, and how many connections there are.
#include "processor/connection_limit.hpp"
#include "processor/scheduler.hpp"
#include "support/manual_clock.hpp"

#include <doctest/doctest.h>

using namespace nodespool;
using namespace std::chrono_literals;
using processor::Backlog;
using processor::ConnectionLimit;
using processor::JobPtr;
using processor::JobSize;
using processor::Scheduler;

namespace {

const std::string k_large = std::to_string(16U << 20U);

JobPtr job(const std::string& name, const std::string& size, const std::string& rest = "") {
    auto made = std::make_unique<processor::Job>();
    made->record = queue::parse_job("store " + name + " " + size + " 1 " + rest, {}, nullptr);
    return made;
}

struct OneNode {
    OneNode(unsigned connections, unsigned lanes) : scheduler(config(connections), lanes, clock) {}
    static std::vector<node::NodeConfig> config(unsigned connections) {
        node::NodeConfig node;
        node.name = "n1";
        node.connections = connections;
        return {node};
    }
    void small(const std::string& name, queue::Priority priority = queue::Priority::normal) {
        place(job(name, "1"), priority);
    }
    void large(const std::string& name, queue::Priority priority = queue::Priority::normal) {
        place(job(name, k_large), priority);
    }
    void place(JobPtr next, queue::Priority priority) {
        next->priority = priority;
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    }
    Scheduler::Task take() { return std::move(*scheduler.take()); }
    std::string take_and_release() {
        const Scheduler::Task task = take();
        scheduler.release(task.seats);
        return task.job->record.path;
    }

    test::ManualMonotonicClock clock;
    Scheduler scheduler;
};

} // namespace

TEST_CASE("while small files wait, large ones leave them a connection and are overtaken") {
    OneNode node(3, 3);
    for (const char* name : {"A", "B", "C"})
        node.large(name);
    for (const char* name : {"a", "b"})
        node.small(name);
    const auto first = node.take();
    const auto second = node.take();
    const auto third = node.take();
    CHECK(first.job->record.path == "A");
    CHECK(second.job->record.path == "B");
    CHECK(third.job->record.path == "a");
    node.scheduler.release(third.seats);
    CHECK(node.take_and_release() == "b");
    CHECK(node.take_and_release() == "C"); // nothing small is left
}

TEST_CASE("large files leave a lane, too, where there are fewer lanes than connections") {
    OneNode node(8, 2);
    for (const char* name : {"A", "B"})
        node.large(name);
    node.small("a");
    const auto first = node.take();
    CHECK(first.job->record.path == "A");
    CHECK(node.take_and_release() == "a");
    CHECK(node.take_and_release() == "B");
}

TEST_CASE("with one connection small files go first until a large one has waited long enough") {
    OneNode node(1, 1);
    for (const char* name : {"A", "B"})
        node.large(name);
    for (const char* name : {"a", "b", "c"})
        node.small(name);
    CHECK(node.take_and_release() == "a");
    node.clock.time += Scheduler::k_patience;
    const auto large = node.take();
    CHECK(large.job->record.path == "A");
    node.clock.time += 10s;
    node.scheduler.release(large.seats);
    CHECK(node.take_and_release() == "b"); // B waits since A ended
    node.clock.time += Scheduler::k_patience;
    CHECK(node.take_and_release() == "B");
    CHECK(node.take_and_release() == "c");
}

TEST_CASE("no file overtakes one of higher priority because of its size") {
    OneNode node(1, 1);
    node.large("first", queue::Priority::first);
    node.small("a");
    node.large("last", queue::Priority::last);
    node.small("b", queue::Priority::last);
    CHECK(node.take_and_release() == "first");
    CHECK(node.take_and_release() == "a");
    CHECK(node.take_and_release() == "b");
    CHECK(node.take_and_release() == "last");
}

TEST_CASE("a stream of small files goes on past large ones; a large one has its lane for itself") {
    OneNode node(2, 2);
    node.small("a");
    const auto stream = node.take();
    node.large("A");
    const auto large = node.take();
    REQUIRE(large.job->record.path == "A");
    node.large("B");
    node.small("b");
    CHECK_FALSE(node.scheduler.take_more(large.seats, 1));
    const JobPtr more = node.scheduler.take_more(stream.seats, 1);
    REQUIRE(more);
    CHECK(more->record.path == "b");
    CHECK_FALSE(node.scheduler.take_more(stream.seats, 2)); // only B is left
    const JobPtr next_large = node.scheduler.take_more(large.seats, 1);
    REQUIRE(next_large);
    CHECK(next_large->record.path == "B");
}

TEST_CASE("a stream has jobs of its own node only, and none once all is closed") {
    test::ManualMonotonicClock clock;
    std::vector<node::NodeConfig> nodes = OneNode::config(1);
    nodes.push_back(nodes.front());
    nodes.back().name = "n2";
    Scheduler scheduler(nodes, 1, clock);
    for (const char* rest : {"n1", "n2", "n1", "n1"}) {
        JobPtr next = job("f", "1", rest);
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    }
    const auto task = scheduler.take();
    REQUIRE(task->seats.targets.at(0) == 0);
    const JobPtr more = scheduler.take_more(task->seats, 1);
    REQUIRE(more);
    CHECK(more->record.nodes.only == std::vector<std::string>{"n1"});
    CHECK_FALSE(scheduler.take_more(task->seats, Scheduler::k_stream)); // n2 waits and has no lane
    CHECK(scheduler.take_more(task->seats, Scheduler::k_stream - 1));
    CHECK(scheduler.close().size() == 1);
    CHECK_FALSE(scheduler.take_more(task->seats, 1));
}

TEST_CASE("a lane beyond its node's share ends its stream at once when another node has work") {
    test::ManualMonotonicClock clock;
    std::vector<node::NodeConfig> nodes = OneNode::config(4);
    nodes.push_back(nodes.front());
    nodes.back().name = "n2";
    Scheduler scheduler(nodes, 4, clock);
    const auto place = [&](const char* rest) {
        JobPtr next = job("f", "1", rest);
        REQUIRE(scheduler.place(next) == Scheduler::Placement::placed);
    };
    for (int i = 0; i < 10; ++i)
        place("n1");
    std::vector<Scheduler::Task> tasks;
    for (int i = 0; i < 4; ++i)
        tasks.push_back(std::move(*scheduler.take()));
    CHECK(scheduler.take_more(tasks[0].seats, 1));
    place("n2");
    CHECK_FALSE(scheduler.take_more(tasks[0].seats, 2));
    scheduler.release(tasks[0].seats);
    CHECK(scheduler.take()->seats.targets.at(0) == 1);
    CHECK(scheduler.take_more(tasks[1].seats, 2)); // what n2 had to do has a lane
}

TEST_CASE("a job that is put back is the next, and the backlog keeps its order over both sizes") {
    OneNode node(1, 1);
    for (const char* name : {"a", "b"})
        node.small(name);
    node.large("A");
    node.small("c");
    auto task = node.take();
    node.scheduler.release(task.seats);
    REQUIRE(node.scheduler.put_back(task.job, 0) == Scheduler::Placement::placed);
    CHECK(node.take_and_release() == "a");
    std::string order;
    for (const JobPtr& next : node.scheduler.close())
        order += next->record.path;
    CHECK(order == "bAc");
}

TEST_CASE("what is too much in a backlog is shown from its end, whatever its size") {
    Backlog backlog;
    for (const char* name : {"a", "B", "c", "D", "e"})
        backlog.push_back(job(name, std::isupper(name[0]) != 0 ? k_large : "1"), {});
    std::string shown;
    backlog.for_each_beyond(2, [&](JobPtr& next) {
        shown += next->record.path;
        if (next->record.path != "D")
            next.reset();
    });
    CHECK(shown == "eDc");
    CHECK(backlog.size() == 3);
    CHECK(backlog.line(JobSize::large).size() == 2);
}

TEST_CASE("a removal is small, whatever it removes") {
    processor::Job removal;
    removal.record = queue::parse_job("remove n1 00/00/x 99999999999", {}, nullptr);
    CHECK(size_of(removal) == JobSize::small);
}

TEST_CASE("connections are halved when one more is refused, and grow back one by one") {
    ConnectionLimit limit(8);
    base::MonotonicTime now{};
    CHECK(limit.refused(8, 0, now));
    CHECK(limit.allowed() == 4);
    CHECK(limit.refused(7, 0, now)); // asked at the same time
    CHECK(limit.allowed() == 4);
    CHECK(limit.refused(4, 0, now));
    CHECK(limit.allowed() == 2);
    SUBCASE("by successes") {
        for (unsigned i = 1; i < ConnectionLimit::k_successes; ++i)
            CHECK_FALSE(limit.succeeded(now));
        CHECK(limit.succeeded(now));
        CHECK(limit.allowed() == 3);
    }
    SUBCASE("by time, where something succeeds") {
        now += 29s;
        CHECK_FALSE(limit.succeeded(now));
        now += 1s;
        CHECK(limit.succeeded(now));
        CHECK(limit.allowed() == 3);
        CHECK_FALSE(limit.succeeded(now));
    }
    SUBCASE("not beyond the configuration") {
        for (int i = 0; i < 100; ++i) {
            now += 30s;
            limit.succeeded(now);
        }
        CHECK(limit.allowed() == 8);
    }
    SUBCASE("not below what works") {
        limit.succeeded(now += 30s);
        CHECK(limit.refused(3, 2, now));
        CHECK(limit.allowed() == 2);
    }
    SUBCASE("not below one; and a refusal of the only one is none of that kind") {
        CHECK(limit.refused(2, 0, now));
        CHECK(limit.allowed() == 1);
        CHECK_FALSE(limit.refused(1, 0, now));
    }
}

TEST_CASE("a lane gives its connection up when its node takes fewer") {
    OneNode node(4, 4);
    for (int i = 0; i < 10; ++i)
        node.small("f");
    auto first = node.take();
    const auto second = node.take();
    node.scheduler.succeeded(first.seats);
    CHECK(node.scheduler.refused(0, 0, "n1: 421"));
    CHECK(node.scheduler.report()[0].connections == 1);
    CHECK_FALSE(node.scheduler.take_more(second.seats, 1));
    node.scheduler.release(second.seats);
    CHECK(node.scheduler.take_more(first.seats, 1));
    CHECK_FALSE(node.scheduler.refused(0, 0, "n1: 421"));
    CHECK(node.scheduler.refused(0, 1, "n1: 421")); // an idle session is a connection that works
}
