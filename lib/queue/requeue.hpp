// queue rejected --requeue: lines that were set aside, checked again after somebody edited them.
#pragma once

#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nodespool::queue {

struct Requeued {
    std::uint64_t jobs = 0;       ///< that are in the queue now
    std::uint64_t rejected = 0;   ///< lines that are still bad
    std::uint64_t busy_files = 0; ///< that somebody else is working on
};

/// Checks each line of the files @p names in `.queue/rejected/`. Good ones are durably in the queue before
/// they are ticked where they stood; bad ones stay, under the new reason where it is another one. Files
/// without a line left are removed. A crash between queueing and ticking leaves a job in both places.
/// @param rejected  is told why a line is still bad
Requeued requeue_rejected(const Spool& spool, const std::vector<std::string>& names, const NodeNames& known,
                          const std::function<void(const std::string& reason)>& rejected);

} // namespace nodespool::queue
