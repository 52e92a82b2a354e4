// Exit statuses and their precedence.
#include "cli/exit_status.hpp"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace nodespool;
using cli::Condition;
using cli::ExitStatus;

TEST_CASE("a run that met nothing ends with 0") {
    CHECK(ExitStatus().value() == 0);
}

TEST_CASE("of several conditions the first in order of precedence decides, whatever was noted first") {
    const std::vector<std::pair<Condition, int>> in_order = {
        {Condition::bug, 70},        {Condition::config, 78},        {Condition::permission, 77},
        {Condition::io, 74},         {Condition::cannot_create, 73}, {Condition::rejected, 65},
        {Condition::resubmitted, 75}};
    for (std::size_t first = 0; first < in_order.size(); ++first) {
        ExitStatus status;
        for (std::size_t later = in_order.size(); later-- > first;)
            status.note(in_order[later].first);
        CHECK(status.value() == in_order[first].second);
    }
}

TEST_CASE("every class of error has its status") {
    const std::vector<std::pair<base::ErrorClass, int>> expected = {
        {base::ErrorClass::usage, 64},      {base::ErrorClass::config, 78},
        {base::ErrorClass::permission, 77}, {base::ErrorClass::cannot_create, 73},
        {base::ErrorClass::io, 74},         {base::ErrorClass::bad_input, 65},
        {base::ErrorClass::bug, 70}};
    for (const auto& [error_class, number] : expected) {
        ExitStatus status;
        status.note(error_class);
        CHECK(status.value() == number);
    }
}
