// Log lines of jobs.
#include "processor/report.hpp"

#include "base/path_name.hpp"

#include <fmt/format.h>

namespace nodespool::processor {

namespace {

base::LogLevel level_of(const Outcome& outcome) {
    switch (outcome.result) {
    case Result::done:
    case Result::already_done:
    case Result::duplicate:
    case Result::stale:
    case Result::passed_over:
    case Result::again:
        return base::LogLevel::info;
    case Result::rejected:
    case Result::resubmitted:
        return base::LogLevel::warning;
    case Result::left:
        return outcome.io_error ? base::LogLevel::error : base::LogLevel::info;
    }
    return base::LogLevel::error;
}

} // namespace

std::string word_for(Result result, const Work& work) {
    switch (result) {
    case Result::done:
        return std::string(work.done_word());
    case Result::already_done:
        return "already-" + std::string(work.done_word());
    case Result::duplicate:
        return "duplicate";
    case Result::stale:
        return "stale";
    case Result::rejected:
        return "rejected";
    case Result::resubmitted:
        return "resubmitted";
    case Result::left:
        return "left";
    case Result::passed_over:
        return "passed-over";
    case Result::again:
        return "again";
    }
    return {};
}

base::LogFields fields_of(const Job& job, const Work& work) {
    const Outcome& outcome = job.outcome;
    base::LogFields fields{{"result", word_for(outcome.result, work)}, {"job", job.identity()}};
    if (const std::string file = job.record.cluster_path().value_or(""); !file.empty())
        fields.emplace_back("file", base::encode_name(file));
    if (!outcome.node.empty()) {
        fields.emplace_back("node", outcome.node);
        fields.emplace_back("name", base::encode_name(outcome.name));
        fields.emplace_back("bytes", std::to_string(outcome.bytes));
        fields.emplace_back("seconds", fmt::format("{:.3f}", outcome.seconds));
    }
    if (!outcome.reason.empty())
        fields.emplace_back("reason", outcome.reason);
    return fields;
}

void leave(Job& job, const base::Error& error) {
    base::log(base::LogLevel::error, {{"job", job.identity()}, {"msg", error.what()}});
    job.effect.reset();
    job.outcome = {Result::left, error.what()};
    job.outcome.io_error = true;
}

void leave(const std::vector<Job*>& jobs, const base::Error& error) {
    base::log(base::LogLevel::error, error.what());
    for (Job* job : jobs) {
        job->effect.reset();
        job->outcome = {Result::left, error.what()};
        job->outcome.io_error = true;
    }
}

void log_end(const Job& job, const Work& work) {
    base::log(level_of(job.outcome), fields_of(job, work));
}

} // namespace nodespool::processor
