// Taking jobs in from a stream: each line checked, good ones queued together, bad ones set aside.
#pragma once

#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nodespool::queue {

struct Added {
    std::uint64_t jobs = 0;
    std::uint64_t rejected = 0;
    std::string queue_file;    ///< where the good ones are; empty: there were none
    std::string rejected_file; ///< in `.queue/rejected/`; empty: there were none
};

/// Reads lines from @p fd to its end; comments and blank lines are passed over. All good lines become visible
/// in one queue file at once, durably; when it throws, none is. @p rejected is told each bad line's reason.
/// @param spool  nullptr: nothing is written, the lines are only checked
Added add_jobs(const Spool* spool, int fd, const std::string& name_for_errors, const NodeNames& known,
               Priority priority, const std::function<void(const std::string& reason)>& rejected);

} // namespace nodespool::queue
