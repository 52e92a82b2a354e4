// queue add, queue retry.
#include "base/log.hpp"
#include "base/process.hpp"
#include "cli/cluster.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "commands.hpp"
#include "queue/add.hpp"
#include "queue/retry.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::queue_program {

namespace {

queue::Priority priority_given(const cli::Invocation& invocation) {
    if (invocation.has("first") && invocation.has("last"))
        throw base::Error(base::ErrorClass::usage, "found both --first and --last, expected one of them");
    if (invocation.has("first"))
        return queue::Priority::first;
    return invocation.has("last") ? queue::Priority::last : queue::Priority::normal;
}

/// What retry would make due: deferred jobs, of @p paths only where there are any.
void show_deferred(const cli::Invocation& invocation, const cli::Config& config,
                   const std::vector<std::string>& paths, cli::ExitStatus& status) {
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        if (seen.state != queue::JobState::deferred)
            return;
        if (paths.empty() || std::find(paths.begin(), paths.end(), seen.job->cluster_path()) != paths.end())
            print_job(seen, invocation.format);
    });
}

} // namespace

void add(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const queue::Priority priority = priority_given(invocation);
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    std::optional<queue::Spool> spool;
    if (invocation.dry_run == cli::DryRun::no)
        spool.emplace(config.root, base::system_clock());
    const queue::Added added =
        queue::add_jobs(spool ? &*spool : nullptr, base::k_standard_input, "stdin", known_nodes(config),
                        priority, [&](const std::string& reason) {
                            base::log(base::LogLevel::warning, {{"result", "rejected"}, {"reason", reason}});
                            status.note(cli::Condition::rejected);
                        });
    if (invocation.format == cli::OutputFormat::json) {
        cli::Json object;
        object["queued"] = added.jobs;
        object["rejected"] = added.rejected;
        object["queue-file"] = added.queue_file;
        object["rejected-file"] = added.rejected_file;
        cli::print_json(object);
    } else if (!spool) {
        cli::print(fmt::format("would queue {} jobs and reject {} lines\n", added.jobs, added.rejected));
    } else if (added.jobs > 0) {
        base::log(
            base::LogLevel::info,
            {{"result", "queued"}, {"jobs", std::to_string(added.jobs)}, {"queue-file", added.queue_file}});
    }
}

void retry(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    std::vector<std::string> paths;
    for (const std::string& operand : invocation.operands)
        paths.push_back(cli::cluster_path_of(config, operand));
    if (invocation.dry_run == cli::DryRun::yes) {
        show_deferred(invocation, config, paths, status);
        return;
    }
    const queue::Spool spool(config.root, base::system_clock());
    const queue::Retried retried = queue::retry_deferred(spool, [&](const queue::JobRecord& job) {
        return paths.empty() || std::find(paths.begin(), paths.end(), job.cluster_path()) != paths.end();
    });
    if (retried.busy_files > 0)
        base::log(base::LogLevel::warning,
                  fmt::format("{} queue files are being worked on: deferred jobs in them were left",
                              retried.busy_files));
    if (invocation.format == cli::OutputFormat::json) {
        cli::Json object;
        object["retried"] = retried.jobs;
        object["busy-files"] = retried.busy_files;
        cli::print_json(object);
    } else {
        base::log(base::LogLevel::info, {{"result", "due-now"}, {"jobs", std::to_string(retried.jobs)}});
    }
}

} // namespace nodespool::queue_program
