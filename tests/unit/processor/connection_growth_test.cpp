// When one more connection is worth its login.
#include "processor/connection_growth.hpp"

#include <doctest/doctest.h>

using namespace nodespool;
using namespace std::chrono_literals;
using processor::ConnectionGrowth;

namespace {

/// A node on which jobs end at a steady rate, and a clock.
class Course {
  public:
    explicit Course(unsigned most) : growth(most) { growth.begin(now); }

    void log_in(std::chrono::milliseconds took) {
        now += took;
        growth.logged_in(took, now);
    }
    /// @param rate  jobs a second over each connection that is worth it; @param most_rate  over all of them
    void run(std::chrono::milliseconds time, double rate, double most_rate = 1e9) {
        for (const base::MonotonicTime end = now + time; now < end; now += 10ms) {
            owed += std::min(rate * growth.worth(), most_rate) * 0.01;
            for (; owed >= 1 && waiting > 0; owed -= 1) {
                growth.job_ended();
                --waiting;
                ++ended;
            }
            growth.look(waiting, now);
        }
    }

    ConnectionGrowth growth;
    base::MonotonicTime now{100s};
    std::size_t waiting = 1'000'000;
    std::size_t ended = 0;
    double owed = 0;
};

} // namespace

TEST_CASE("work that one connection ends soon gets no other") {
    Course course(8);
    course.waiting = 4000;
    course.log_in(150ms);
    course.run(2000ms, 3800);
    CHECK(course.ended == 4000);
    CHECK(course.growth.worth() == 1);
}

TEST_CASE("as long as nothing is known, and nothing comes, there are soon more") {
    Course course(8);
    course.run(1990ms, 0);
    CHECK(course.growth.worth() == 1);
    course.run(20ms, 0);
    CHECK(course.growth.worth() == 2);
    course.run(1000ms, 0);
    CHECK(course.growth.worth() == 4);
    course.run(1000ms, 0);
    CHECK(course.growth.worth() == 8);
    CHECK(course.growth.next_look() == base::MonotonicTime::max());
}

TEST_CASE("a server that is slow for each connection soon has all of them") {
    Course course(8);
    course.log_in(300ms);
    course.run(290ms, 640);
    CHECK(course.growth.worth() == 1);
    course.run(20ms, 640);
    CHECK(course.growth.worth() == 2);
    course.run(1000ms, 640);
    CHECK(course.growth.worth() == 8);
}

TEST_CASE("after a trial that gained nothing the next ones are rare") {
    Course course(16);
    course.log_in(150ms);
    course.run(9000ms, 3000, 3000);
    CHECK(course.growth.worth() == 2);
    course.run(3000ms, 3000, 3000);
    CHECK(course.growth.worth() == 4);
    course.run(6000ms, 3000, 3000);
    CHECK(course.growth.worth() == 4);
}

TEST_CASE("a queue that is never empty pays for a second connection in the end") {
    Course course(8);
    course.log_in(150ms);
    for (int i = 0; i < 95; ++i) {
        course.waiting = 4000;
        course.run(100ms, 3800, 3800);
    }
    CHECK(course.growth.worth() == 1);
    course.waiting = 1'000'000;
    course.run(1000ms, 3800, 3800);
    CHECK(course.growth.worth() == 2);
}

TEST_CASE("a rate that falls to nothing counts as silence") {
    Course course(4);
    course.log_in(100ms);
    course.waiting = 1000;
    course.run(500ms, 1900);
    CHECK(course.growth.worth() == 1);
    course.run(2200ms, 0);
    CHECK(course.growth.worth() == 2);
}

TEST_CASE("a queue that is worked off as it comes is no reason, however slowly it comes") {
    Course course(8);
    course.log_in(100ms);
    for (int i = 0; i < 100; ++i) {
        course.waiting = 1;
        course.run(300ms, 100);
    }
    CHECK(course.growth.worth() == 1);
}

TEST_CASE("where one connection is all that is allowed there is nothing to look at") {
    Course course(1);
    CHECK(course.growth.next_look() == base::MonotonicTime::max());
    course.run(5000ms, 0);
    CHECK(course.growth.worth() == 1);
}

TEST_CASE("a time without work is not taken for silence") {
    Course course(8);
    course.log_in(100ms);
    course.now += 3600s;
    course.growth.begin(course.now);
    CHECK_FALSE(course.growth.look(10, course.now));
    course.waiting = 50;
    course.run(500ms, 1000);
    CHECK(course.growth.worth() == 1);
}
