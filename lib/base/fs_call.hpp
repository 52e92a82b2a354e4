// Shared by the files that make system calls: the observer's call-out and EINTR.
#pragma once

#include "base/fs_observer.hpp"

#include <cerrno>

namespace nodespool::base {

/// Tells the observer, where one is installed.
void announce(FsCall call, std::string_view path);

template <typename Call>
auto retry_eintr(Call&& call) {
    decltype(call()) result;
    do
        result = call();
    while (result < 0 && errno == EINTR);
    return result;
}

} // namespace nodespool::base
