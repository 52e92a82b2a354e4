// queue filter: the jobs of one keyword through a policy program, and back into the queue.
#pragma once

#include "queue/hand_out.hpp"
#include "queue/policy_run.hpp"

#include <cstdint>
#include <functional>

namespace nodespool::queue {

struct PolicyTotals {
    std::uint64_t jobs_in = 0;
    std::uint64_t jobs_out = 0;
    std::uint64_t dropped = 0; ///< files for which no job came out
    std::uint64_t changed = 0; ///< jobs whose lines somebody changed at the last moment: these stay, too
    std::uint64_t busy_files = 0;
};

/// How much goes through one run of the program.
inline constexpr BatchLimits k_policy_batch{65536, 8U << 20U, Priorities::apart};

/// Runs the program on the jobs of @p selection in batches, each of one priority. What it wrote for a batch
/// is durably in the queue, in one file that appears at once, before the first line of the batch is ticked.
/// When this throws (run_policy()), or the process dies, each job of the batches that were not through stands
/// in the queue as it did; dying between the two leaves a batch both as it was and as the program wrote it.
/// @param totals  counts what was done, also when this throws
void filter_jobs(const Spool& spool, const Selection& selection, const Policy& policy, PolicyTotals& totals,
                 const HandOut::BadLine& bad_line, BatchLimits limits = k_policy_batch);

/// The same without locks and changes: @p on_job gets what would be queued.
void preview_filter(const Spool& spool, const Selection& selection, const Policy& policy,
                    PolicyTotals& totals, const std::function<void(const JobRecord&)>& on_job);

} // namespace nodespool::queue
