// Looking at the whole queue without touching it: no locks, nothing changed.
#pragma once

#include "queue/spool.hpp"

#include <functional>
#include <optional>
#include <string>

namespace nodespool::queue {

enum class JobState {
    ready,    ///< will be run by the next processor of its keyword
    deferred, ///< its `not-before` is in the future
    held,     ///< in `.queue/held/`
    rejected  ///< in `.queue/rejected/`, or a line that a processor will set aside there
};

std::string_view to_string(JobState state);

struct SurveyedJob {
    JobState state = JobState::ready;
    std::string queue_file; ///< relative to `.queue/`: `NAME.q`, `held/NAME.q`, `rejected/NAME.q`
    std::uint64_t line = 0;
    std::string text;               ///< the line as it stands (an over-long one: its start)
    std::optional<Keyword> keyword; ///< nullopt: no keyword that a program knows
    std::optional<JobRecord> job;   ///< nullopt where the line cannot be parsed
    std::string comment;            ///< the comment line right above it, without `# `
    base::Timestamp queued_at;      ///< `since=`, else the file's stamp or time
};

/// Calls @p visit for each live line, files in name order: the queue, then held, then rejected. @return how
/// many files this user may not read; they are logged and passed over
std::size_t survey(const Spool& spool, const std::function<void(const SurveyedJob&)>& visit);

} // namespace nodespool::queue
