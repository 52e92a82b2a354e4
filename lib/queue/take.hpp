// queue take: jobs out of the queue, to whoever asked.
#pragma once

#include "queue/hand_out.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::queue {

struct TakenJob {
    std::string_view queue_file;
    std::uint64_t line = 0;
    std::string_view text; ///< of line_with_history(), without newline
};

struct Taken {
    std::uint64_t jobs = 0;
    std::uint64_t changed = 0;    ///< written, but somebody changed their lines at that moment: these stay
    std::uint64_t busy_files = 0; ///< that somebody else was working on
};

/// Hands the jobs to @p write in groups, and ticks a group when @p write has returned: it must have made the
/// group safe, or throw. Killed at any point, or thrown out of: each job has been written, or is still in the
/// queue, or both. @param most  so many jobs at most
Taken take_jobs(const Spool& spool, const Selection& selection, std::optional<std::uint64_t> most,
                const std::function<void(const std::vector<TakenJob>&)>& write,
                const HandOut::BadLine& bad_line);

} // namespace nodespool::queue
