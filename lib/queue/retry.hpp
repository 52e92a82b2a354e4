// Making deferred jobs due now.
#pragma once

#include "queue/claimed_file.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nodespool::queue {

struct Retried {
    std::uint64_t jobs = 0;
    std::uint64_t busy_files =
        0; ///< queue files that a processor is working on: their jobs were left as they are
};

/// Writes each deferred job for which @p wanted holds anew, without its `not-before`, and then ticks the old
/// line; a crash in between leaves the job twice, which has the effect of once. Priorities, history and the
/// comment above it stay.
Retried retry_deferred(const Spool& spool, const std::function<bool(const JobRecord&)>& wanted);

} // namespace nodespool::queue
