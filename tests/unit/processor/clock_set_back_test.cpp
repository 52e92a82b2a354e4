// A clock that was set back by a year, or forward: what waits for it, and what is named by it.
#include "base/unique_name.hpp"
#include "processor/backoff.hpp"
#include "processor/uploads.hpp"
#include "queue/retry.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>

using namespace nodespool;
using processor::Result;
using test::World;

namespace {

constexpr double k_year_s = 365.0 * 86400;

/// The machine's clock, wrong by so much.
class WrongClock final : public base::Clock {
  public:
    explicit WrongClock(double off_s) : m_off_s(off_s) {}
    [[nodiscard]] base::Timestamp now() const override { return base::system_clock().now().plus(m_off_s); }
    [[nodiscard]] base::MonotonicTime monotonic() const override { return base::system_clock().monotonic(); }
    void sleep_for(std::chrono::milliseconds duration) const override {
        base::system_clock().sleep_for(duration);
    }

  private:
    double m_off_s;
};

class StoppedClock final : public base::Clock {
  public:
    [[nodiscard]] base::Timestamp now() const override { return {1000000000, 5000}; }
    [[nodiscard]] base::MonotonicTime monotonic() const override { return {}; }
    void sleep_for(std::chrono::milliseconds) const override {}
};

} // namespace

TEST_CASE("what was uploaded before the clock was set back is found by a scan") {
    World world;
    world.upload("a", "a");
    world.cluster.quiet = std::chrono::seconds(10);
    const WrongClock clock(-k_year_s);
    const queue::Spool spool(world.root(), clock);
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, clock);
    processor::UploadQueue uploads(files, spool);
    std::vector<std::string> skipped;
    scan_uploads(world.cluster, files, spool, &uploads,
                 {[](const processor::Upload&) {},
                  [&](const std::string& path, processor::Skipped) { skipped.push_back(path); }});
    CHECK(uploads.commit().uploads.size() == 1);
    CHECK(skipped.empty());
}

TEST_CASE("a file rests from its last change on, which cannot lie a day ahead") {
    const base::Timestamp now{1000000, 0};
    base::FileStatus status;
    const auto rested_s = [&](double changed_s, double modified_s) {
        status.ctime = now.plus(changed_s);
        status.mtime = now.plus(modified_s);
        return status.rested_s(now);
    };
    CHECK(rested_s(-5, -5) == doctest::Approx(5));
    CHECK(rested_s(-5, -50) == doctest::Approx(5));
    CHECK(rested_s(-5, 1e9) == doctest::Approx(5));  // a client may set any time
    CHECK(rested_s(60, 60) == doctest::Approx(-60)); // a file server whose clock is ahead of ours
    CHECK(rested_s(k_year_s, k_year_s) == doctest::Approx(86400));
    CHECK(rested_s(k_year_s, -5) == doctest::Approx(86400));
}

TEST_CASE("a job that was put off before the clock was set back waits, and `queue retry` makes it due") {
    World world;
    world.upload("a", "a");
    const base::Timestamp later = base::system_clock().now().plus(k_year_s);
    world.queue("1.q", world.upload_line("a") + " attempts=3 not-before=" + base::format_time(later) + "\n");
    CHECK(world.store().deferred == 1);
    CHECK(world.jobs().size() == 1);
    const queue::Spool spool(world.root(), base::system_clock());
    CHECK(queue::retry_deferred(spool, [](const queue::JobRecord&) { return true; }).jobs == 1);
    CHECK(world.store().count(Result::done) == 1);
    CHECK(world.stored("a") == "a");
}

TEST_CASE("a job that was put off before the clock was set forward is due") {
    World world;
    world.upload("a", "a");
    const base::Timestamp earlier = base::system_clock().now().plus(-k_year_s);
    world.queue("1.q", world.upload_line("a") + " not-before=" + base::format_time(earlier) + "\n");
    CHECK(world.store().count(Result::done) == 1);
}

TEST_CASE("no clock makes a name twice, nor a wait longer than an hour and what is spread on it") {
    const StoppedClock stopped;
    std::set<std::string> names;
    for (int i = 0; i < 100; ++i)
        names.insert(base::unique_name(stopped));
    CHECK(names.size() == 100);
    for (const unsigned attempts : {0U, 9U, 1000U, std::numeric_limits<unsigned>::max()})
        CHECK(processor::backoff_seconds(attempts) <= 4320);
}
