// Reading every queue file there is.
#include "queue/survey.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "queue/line_reader.hpp"

namespace nodespool::queue {

namespace {

/// What a line in the queue itself (not held, not rejected) is waiting for.
JobState waiting_state(const SurveyedJob& seen, base::Timestamp now) {
    if (!seen.job)
        return JobState::rejected;
    return seen.job->not_before && *seen.job->not_before > now ? JobState::deferred : JobState::ready;
}

void survey_file(const Spool& spool, const std::string& name, int fd, std::optional<JobState> state,
                 const std::function<void(const SurveyedJob&)>& visit) {
    const base::Timestamp now = spool.clock().now();
    const base::Timestamp file_time = stamp_of(base::name_of(name)).value_or(base::status_of(fd, name).mtime);
    LineReader reader(fd, spool.path() + "/" + name);
    std::string comment;
    while (const std::optional<RawLine> line = reader.next()) {
        const LineClass line_class = classify(line->text);
        if (line_class.kind == LineKind::nothing) {
            const std::size_t start = line->text.find_first_not_of("# ");
            comment = start == std::string_view::npos ? "" : line->text.substr(start);
            continue;
        }
        SurveyedJob seen;
        seen.queue_file = name;
        seen.line = line->number;
        seen.text = line->text;
        seen.comment = std::exchange(comment, {});
        if (line_class.kind == LineKind::job)
            seen.keyword = line_class.keyword;
        try {
            seen.job = parse_job(line->text, {name, line->number}, nullptr);
        } catch (const JobError& error) {
            if (!state)
                seen.comment = error.what();
        }
        seen.queued_at = seen.job && seen.job->since ? *seen.job->since : file_time;
        seen.state = state ? *state : waiting_state(seen, now);
        visit(seen);
    }
}

} // namespace

std::string_view to_string(JobState state) {
    switch (state) {
    case JobState::ready:
        return "ready";
    case JobState::deferred:
        return "deferred";
    case JobState::held:
        return "held";
    case JobState::rejected:
        return "rejected";
    }
    return "";
}

std::size_t survey(const Spool& spool, const std::function<void(const SurveyedJob&)>& visit) {
    std::size_t unreadable = 0;
    const auto look_into = [&](const std::string& name, std::optional<JobState> state) {
        const auto fd = [&]() -> std::optional<base::Fd> {
            try {
                return base::try_open_regular(spool.fd(), name);
            } catch (const base::SystemError& error) {
                base::log(base::LogLevel::error, error.what());
                ++unreadable;
                return std::nullopt;
            }
        }();
        if (fd) // else: worked off since the directory was read, or no queue file at all
            survey_file(spool, name, fd->get(), state, visit);
    };
    const std::vector<Keyword> all(std::begin(k_keywords), std::end(k_keywords));
    for (const std::string& name : spool.queue_files(all))
        look_into(name, std::nullopt);
    for (const std::string& name : spool.held_files())
        look_into("held/" + name, JobState::held);
    for (const std::string& name : spool.rejected_files())
        look_into("rejected/" + name, JobState::rejected);
    return unreadable;
}

} // namespace nodespool::queue
