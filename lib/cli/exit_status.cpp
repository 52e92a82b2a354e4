// Exit statuses: precedence and numbers.
#include "cli/exit_status.hpp"

#include <array>
#include <utility>

namespace nodespool::cli {

namespace {

/// In order of precedence; the numbers are those of sysexits.h.
constexpr std::array<std::pair<Condition, int>, 8> k_statuses = {{{Condition::bug, 70},
                                                                  {Condition::config, 78},
                                                                  {Condition::permission, 77},
                                                                  {Condition::io, 74},
                                                                  {Condition::cannot_create, 73},
                                                                  {Condition::rejected, 65},
                                                                  {Condition::resubmitted, 75},
                                                                  {Condition::usage, 64}}};

} // namespace

void ExitStatus::note(Condition condition) {
    m_noted.set(static_cast<std::size_t>(condition));
}

void ExitStatus::note(base::ErrorClass error_class) {
    note(condition_of(error_class));
}

int ExitStatus::value() const {
    for (const auto& [condition, number] : k_statuses)
        if (m_noted.test(static_cast<std::size_t>(condition)))
            return number;
    return 0;
}

Condition condition_of(base::ErrorClass error_class) {
    switch (error_class) {
    case base::ErrorClass::usage:
        return Condition::usage;
    case base::ErrorClass::config:
        return Condition::config;
    case base::ErrorClass::permission:
        return Condition::permission;
    case base::ErrorClass::cannot_create:
        return Condition::cannot_create;
    case base::ErrorClass::io:
        return Condition::io;
    case base::ErrorClass::bad_input:
        return Condition::rejected;
    case base::ErrorClass::bug:
        return Condition::bug;
    }
    return Condition::bug;
}

} // namespace nodespool::cli
