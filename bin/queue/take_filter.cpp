// queue take, queue filter.
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "cli/cluster.hpp"
#include "cli/option_values.hpp"
#include "cli/output.hpp"
#include "commands.hpp"
#include "queue/filter.hpp"
#include "queue/take.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <limits>

namespace nodespool::queue_program {

namespace {

queue::Selection selection_of(const cli::Invocation& invocation) {
    queue::Selection selection;
    selection.keyword = keyword_given(invocation.operands.at(0));
    if (invocation.has("all"))
        selection.deferred = queue::Deferred::include;
    return selection;
}

/// A line that can never run stays: its processor sets it aside. Said here all the same.
queue::HandOut::BadLine left_bad_line(cli::ExitStatus& status) {
    return [&status](const std::string& reason) {
        base::log(base::LogLevel::warning, {{"result", "left"}, {"reason", reason}});
        status.note(cli::Condition::rejected);
    };
}

void tell_left_behind(std::uint64_t busy_files, std::uint64_t changed) {
    if (busy_files > 0)
        base::log(base::LogLevel::warning,
                  fmt::format("{} queue files are being worked on: jobs in them were left", busy_files));
    if (changed > 0)
        base::log(
            base::LogLevel::warning,
            fmt::format("{} jobs were changed at the last moment: they stay in the queue, too", changed));
}

void print_taken(std::string_view queue_file, std::uint64_t line, std::string_view text,
                 cli::OutputFormat format) {
    if (format == cli::OutputFormat::text) {
        cli::print(std::string(text) + '\n');
        return;
    }
    cli::Json object;
    object["queue-file"] = queue_file;
    object["line"] = line;
    object["job"] = text;
    cli::print_json(object);
}

void print_takeable(const cli::Config& config, const queue::Selection& selection,
                    std::optional<std::uint64_t> most, cli::OutputFormat format, cli::ExitStatus& status) {
    std::uint64_t left = most.value_or(std::numeric_limits<std::uint64_t>::max());
    const base::Timestamp now = base::system_clock().now();
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        const bool waits = seen.state == queue::JobState::ready || seen.state == queue::JobState::deferred;
        if (left == 0 || !waits || !seen.job || !selection.wants(*seen.job, now))
            return;
        --left;
        print_taken(seen.queue_file, seen.line,
                    queue::line_with_history(seen.text, *seen.job, seen.queued_at, {}), format);
    });
}

/// What filter would queue.
void print_wanted(const std::string& job, cli::OutputFormat format) {
    if (format == cli::OutputFormat::text) {
        cli::print(job + '\n');
        return;
    }
    cli::Json object;
    object["job"] = job;
    cli::print_json(object);
}

void print_totals(const queue::PolicyTotals& totals, const std::string& failure) {
    cli::Json object;
    object["jobs-in"] = totals.jobs_in;
    object["jobs-out"] = totals.jobs_out;
    object["dropped"] = totals.dropped;
    object["busy-files"] = totals.busy_files;
    if (failure.empty())
        object["failure"] = nullptr;
    else
        object["failure"] = failure;
    cli::print_json(object);
}

} // namespace

void take(const cli::Invocation& invocation, cli::ExitStatus& status) {
    queue::Selection selection = selection_of(invocation);
    if (invocation.operands.size() > 1)
        selection.glob = invocation.operands[1];
    const auto most = cli::number_of(invocation, "max-jobs", 1, std::numeric_limits<std::uint64_t>::max());
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    if (invocation.dry_run == cli::DryRun::yes) {
        print_takeable(config, selection, most, invocation.format, status);
        return;
    }
    const bool into_file =
        base::status_of(base::k_standard_output, "standard output").type == base::FileType::regular;
    const queue::Spool spool(config.root, base::system_clock());
    const queue::Taken taken = queue::take_jobs(
        spool, selection, most,
        [&](const std::vector<queue::TakenJob>& group) {
            for (const queue::TakenJob& job : group)
                print_taken(job.queue_file, job.line, job.text, invocation.format);
            cli::flush_output();
            if (into_file)
                base::sync_file(base::k_standard_output, "standard output");
        },
        left_bad_line(status));
    tell_left_behind(taken.busy_files, taken.changed);
    base::log(base::LogLevel::info, {{"result", "taken"}, {"jobs", std::to_string(taken.jobs)}});
}

void filter(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const queue::Selection selection = selection_of(invocation);
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const queue::NodeNames known = known_nodes(config);
    queue::Policy policy;
    policy.command.assign(invocation.operands.begin() + 1, invocation.operands.end());
    policy.variables = {"NODESPOOL_ROOT=" + config.root};
    policy.known = &known;
    if (invocation.has("may-drop"))
        policy.drops = queue::Drops::allowed;

    queue::PolicyTotals totals;
    std::string failure;
    try {
        if (invocation.dry_run == cli::DryRun::yes)
            queue::preview_filter(
                queue::Spool::open_existing(config.root, base::system_clock()), selection, policy, totals,
                [&](const queue::JobRecord& job) { print_wanted(format_job(job), invocation.format); });
        else
            queue::filter_jobs(queue::Spool(config.root, base::system_clock()), selection, policy, totals,
                               left_bad_line(status));
    } catch (const queue::PolicyError& error) {
        failure = error.what();
        base::log(base::LogLevel::error, failure + ": its jobs stay in the queue as they are");
        status.note(cli::Condition::resubmitted);
    } catch (const queue::JobError& error) {
        failure = error.what();
        base::log(base::LogLevel::error, failure + ": the jobs stay in the queue as they are");
        status.note(error.error_class());
    }
    tell_left_behind(totals.busy_files, totals.changed);
    if (invocation.format == cli::OutputFormat::json)
        print_totals(totals, failure);
    else if (invocation.dry_run == cli::DryRun::no && (failure.empty() || totals.jobs_in > 0))
        base::log(base::LogLevel::info, {{"result", "filtered"},
                                         {"jobs-in", std::to_string(totals.jobs_in)},
                                         {"jobs-out", std::to_string(totals.jobs_out)},
                                         {"dropped", std::to_string(totals.dropped)}});
}

} // namespace nodespool::queue_program
