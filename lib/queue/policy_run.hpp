// One run of a policy program: job lines in, job lines out, each of them checked.
#pragma once

#include "base/error.hpp"
#include "queue/job.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::queue {

/// May a policy leave jobs out?
enum class Drops { refused, allowed };

struct Policy {
    std::vector<std::string> command;   ///< the program, looked for in PATH, and its arguments
    std::vector<std::string> variables; ///< `NAME=VALUE`, added to its environment
    const NodeNames* known = nullptr;   ///< the nodes that its output may name
    Drops drops = Drops::refused;
};

/// The program failed: what it wrote does not count.
class PolicyError : public base::Error {
  public:
    explicit PolicyError(const std::string& message) : base::Error(base::ErrorClass::io, message) {}
};

struct PolicyOutcome {
    std::uint64_t jobs = 0;    ///< that came out
    std::uint64_t dropped = 0; ///< files of the input for which no job came out
};

/// Gives @p lines (good job lines, each with its newline) to the program and hands each job it writes to
/// @p on_job; comments and blank lines are passed over. What was handed out counts only if this returns.
/// @throws PolicyError where the program fails, does not read all of its input, or drops jobs that it may not
/// drop; JobError naming the line of its output where that is no good job; base::Error usage where there is
/// no such program
PolicyOutcome run_policy(const Policy& policy, std::string_view lines,
                         const std::function<void(const JobRecord&)>& on_job);

} // namespace nodespool::queue
