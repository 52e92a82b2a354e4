// Bytes through another program: what goes into it and what comes out of it at the same time.
#pragma once

#include "base/child_process.hpp"

#include <functional>
#include <string_view>

namespace nodespool::base {

/// How a program that was fed ended.
struct Filtered {
    ChildEnd end;
    bool read_all = false; ///< did it read its input to the last byte?
};

/// Gives @p input to the child's standard input, hands what it writes to @p on_output as it comes, and waits
/// until it has ended. Neither side can block the other, whatever it reads and writes first. What @p
/// on_output throws comes out of here; the child then ends with its object.
Filtered filter_through(ChildProcess& child, std::string_view input,
                        const std::function<void(std::string_view bytes)>& on_output);

} // namespace nodespool::base
