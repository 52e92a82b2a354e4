// A line of a sending log: a copy that is being written, and of what.
#pragma once

#include "base/timestamp.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nodespool::processor {

/// `NODE NAME FILE SIZE MTIME`, names encoded.
struct Sending {
    std::string node;
    std::string name; ///< raw, on the node
    std::string path; ///< raw cluster path
    std::uint64_t size_bytes = 0;
    base::Timestamp mtime;
};

/// With its newline.
std::string to_line(const Sending& sending);

/// Calls @p visit for each line of the log that is not settled, one after another: millions that are settled
/// cost no memory. @throws base::SystemError
void for_each_open_line(int fd, const std::string& path_for_errors,
                        const std::function<void(Sending)>& visit);

} // namespace nodespool::processor
