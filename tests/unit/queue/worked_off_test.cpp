// Queue files on their way out: each is looked at again 100 ms after its own rename, and nobody waits in
// turn.
#include "queue/take.hpp"
#include "queue/worked_off.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace nodespool;
using queue::ClaimedFile;
using queue::WorkedOff;

namespace {

/// Time passes by sleeping, and by hand.
class SleepingClock final : public base::Clock {
  public:
    [[nodiscard]] base::Timestamp now() const override { return base::system_clock().now(); }
    [[nodiscard]] base::MonotonicTime monotonic() const override { return time; }
    void sleep_for(std::chrono::milliseconds duration) const override {
        time += duration;
        slept += duration;
    }
    mutable base::MonotonicTime time;
    mutable std::chrono::milliseconds slept{0};
};

struct Fixture : test::SpoolFixture {
    SleepingClock time;
    queue::Spool timed{dir.path(), time};

    /// Worked off, and on its way out from now on.
    void add(WorkedOff& worked_off, const std::string& name, const std::string& content = "#tore a 1 1\n") {
        write(name, content);
        auto file = ClaimedFile::claim(timed, name);
        REQUIRE(file);
        while (file->next()) {
        }
        worked_off.add(std::move(file));
    }
    [[nodiscard]] std::size_t left() const { return names().size(); }
};

std::string numbered(int number) {
    return "f" + std::to_string(1000 + number) + ".q";
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "files that are set aside together wait together") {
    WorkedOff worked_off(timed, 1000);
    for (int i = 0; i < 300; ++i)
        add(worked_off, numbered(i));
    CHECK(left() == 300);
    CHECK(time.slept.count() == 0);
    worked_off.retire();
    CHECK(left() == 0);
    CHECK(time.slept.count() == 100);
}

TEST_CASE_FIXTURE(Fixture, "a file goes when its own time has come, while others are worked off") {
    WorkedOff worked_off(timed, 1000);
    add(worked_off, "a.q");
    time.time += std::chrono::milliseconds(60);
    add(worked_off, "b.q");
    time.time += std::chrono::milliseconds(39);
    add(worked_off, "c.q");
    CHECK(left() == 3);
    time.time += std::chrono::milliseconds(1);
    add(worked_off, "d.q");
    CHECK(names() == std::vector<std::string>{".b.q.done", ".c.q.done", ".d.q.done"});
    CHECK(time.slept.count() == 0);
    worked_off.retire();
    CHECK(left() == 0);
    CHECK(time.slept.count() == 100);
}

TEST_CASE_FIXTURE(Fixture, "no more files wait at once than may be open") {
    WorkedOff worked_off(timed, 4);
    for (int i = 0; i < 40; ++i) {
        add(worked_off, numbered(i));
        CHECK(left() < 4);
    }
    CHECK(time.slept.count() == 1000); // ten times four
    worked_off.retire();
    CHECK(left() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "lines that come while a file waits bring it back, and the others go all the same") {
    write("b.q", "#tore b 1 1\n");
    std::ofstream late(path("b.q"), std::ios::app);
    WorkedOff worked_off(timed, 1000);
    add(worked_off, "a.q");
    worked_off.add(ClaimedFile::claim(timed, "b.q"));
    add(worked_off, "c.q");
    late << "store b 2 2\n";
    late.close();
    worked_off.retire();
    CHECK(names() == std::vector<std::string>{"b.q"});
    CHECK(text("b.q") == "#tore b 1 1\nstore b 2 2\n");
}

TEST_CASE_FIXTURE(Fixture, "forgotten ones are taken away all the same, after their time") {
    { add(*std::make_unique<WorkedOff>(timed, 1000), "a.q"); }
    CHECK(left() == 0);
    CHECK(time.slept.count() == 100);
}

TEST_CASE_FIXTURE(Fixture, "what many killed runs had set aside is settled in one wait") {
    for (int i = 0; i < 400; ++i)
        write("." + numbered(i) + ".done", i % 100 == 0 ? "store a 1 1\n" : "#tore a 1 1\n");
    queue::settle_set_aside_files(timed);
    CHECK(names() == std::vector<std::string>{numbered(0), numbered(100), numbered(200), numbered(300)});
    CHECK(time.slept.count() == 100);
}

TEST_CASE_FIXTURE(Fixture, "taking the jobs of many files waits once") {
    for (int i = 0; i < 1500; ++i)
        write(numbered(i), "upload a 0 1 1\n");
    std::size_t jobs = 0;
    queue::take_jobs(
        timed, {}, std::nullopt, [&](const std::vector<queue::TakenJob>& group) { jobs += group.size(); },
        [](const std::string&) {});
    CHECK(jobs == 1500);
    CHECK(left() == 0);
    CHECK(time.slept.count() == 100);
}
