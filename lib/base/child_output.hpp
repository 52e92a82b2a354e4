// What a program prints, waited for no longer than it is worth.
#pragma once

#include "base/child_process.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace nodespool::base {

struct ChildOutput {
    std::string text;
    ChildEnd end;
};

/// Closes the child's standard input, reads what it prints, cut to @p most_bytes, and waits until it has
/// ended. nullopt: it was not done within @p patience, and was told to end.
std::optional<ChildOutput> output_within(ChildProcess& child, std::size_t most_bytes,
                                         std::chrono::milliseconds patience);

} // namespace nodespool::base
