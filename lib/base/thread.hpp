// Threads, begun so that a machine which has none left says so.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace nodespool::base {

/// @throws SystemError that names the limits which an operator can look at
[[noreturn]] void throw_no_thread(const std::system_error& why);

/// A thread that runs @p body. @throws SystemError where none can be started
template <typename Body>
[[nodiscard]] std::thread start_thread(Body&& body) {
    try {
        return std::thread(std::forward<Body>(body));
    } catch (const std::system_error& why) {
        throw_no_thread(why);
    }
}

} // namespace nodespool::base
