// Uploads that are to be looked at again, by time.
#include "processor/later_looks.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace nodespool;
using namespace std::chrono_literals;
using Paths = std::vector<std::string>;

TEST_CASE("later looks come due in order, each path once, at its earlier time") {
    processor::LaterLooks looks;
    const base::MonotonicTime start{};
    CHECK_FALSE(looks.next().has_value());
    looks.add("late", start + 3s);
    looks.add("early", start + 1s);
    looks.add("moved", start + 4s);
    looks.add("moved", start + 2s);
    looks.add("early", start + 9s);
    CHECK(looks.next() == start + 1s);
    CHECK(looks.take_due(start).empty());
    CHECK(looks.take_due(start + 2s) == Paths{"early", "moved"});
    CHECK(looks.next() == start + 3s);
    looks.forget("late");
    looks.forget("late");
    CHECK_FALSE(looks.next().has_value());
    CHECK(looks.take_due(start + 10s).empty());
}
