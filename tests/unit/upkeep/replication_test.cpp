// Which `replicate` jobs are queued already.
#include "processor/link_jobs.hpp"
#include "support/copies.hpp"
#include "upkeep/replication.hpp"

#include <doctest/doctest.h>

using namespace nodespool;
using test::CopyWorld;
using upkeep::QueuedReplications;

namespace {

QueuedReplications queued_in(const CopyWorld& world) {
    return QueuedReplications(queue::Spool::open_existing(world.root(), base::system_clock()));
}

} // namespace

TEST_CASE("the job names the version and the number of copies") {
    CopyWorld world;
    world.plant("a b/f", "12345", {"n1"});
    CHECK(queue::format_job(processor::replicate_job(world.link("a b/f").value(), 2)) ==
          "replicate a%20b/f 5 1700000000.123456789 copies=2");
}

TEST_CASE("a queued job counts for its own version and for as many copies as it asks for") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    const catalog::Link link = world.link("f").value();
    CHECK_FALSE(queued_in(world).has(link, 1));
    world.queue("1.q",
                queue::format_job(processor::replicate_job(link, 2)) + " attempts=3 not-before=9999999999\n");
    CHECK(queued_in(world).has(link, 1));
    CHECK(queued_in(world).has(link, 2));
    CHECK_FALSE(queued_in(world).has(link, 3));
    catalog::Link other = link;
    other.mtime.value.seconds += 1;
    CHECK_FALSE(queued_in(world).has(other, 2));
    other = link;
    other.path = "g";
    CHECK_FALSE(queued_in(world).has(other, 2));
}

TEST_CASE("jobs that may never make that many copies do not count") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    const catalog::Link link = world.link("f").value();
    const std::string start = "replicate f 5 1700000000.123456789";
    world.queue("1.q", start + "\n");                   // one more, not a number of copies
    world.queue("2.q", start + " n2 copies=2\n");       // only there
    world.queue("3.q", start + " -n3 copies=2\n");      // not there
    world.queue("held/4.q", start + " copies=2\n");     // an operator took it out
    world.queue("rejected/5.q", start + " copies=2\n"); // it cannot run
    world.queue("6.q", "store f 5 1700000000.123456789 copies=2\n");
    CHECK_FALSE(queued_in(world).has(link, 1));
}

TEST_CASE("a job that was queued since counts") {
    CopyWorld world;
    world.plant("f", "12345", {"n1"});
    const catalog::Link link = world.link("f").value();
    QueuedReplications queued = queued_in(world);
    queued.add(link, 2);
    CHECK(queued.has(link, 2));
    CHECK_FALSE(queued.has(link, 3));
}
