// queue: looks at the queue and changes it by hand.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "queue/add.hpp"
#include "queue/retry.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace {

using namespace nodespool;

queue::Priority priority_given(const cli::Invocation& invocation) {
    if (invocation.has("first") && invocation.has("last"))
        throw base::Error(base::ErrorClass::usage, "found both --first and --last, expected one of them");
    if (invocation.has("first"))
        return queue::Priority::first;
    return invocation.has("last") ? queue::Priority::last : queue::Priority::normal;
}

void add(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const queue::Priority priority = priority_given(invocation);
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    queue::NodeNames known;
    for (const node::NodeConfig& node : config.nodes)
        known.insert(node.name);
    std::optional<queue::Spool> spool;
    if (invocation.dry_run == cli::DryRun::no)
        spool.emplace(config.root, base::system_clock());
    const queue::Added added =
        queue::add_jobs(spool ? &*spool : nullptr, base::k_standard_input, "stdin", known, priority,
                        [&](const std::string& reason) {
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
        queue_program::show_deferred(invocation, config, paths, status);
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

cli::Command command(const std::string& name, const std::string& purpose, const std::string& synopsis,
                     std::vector<cli::Common> common, cli::Body body) {
    cli::Command command;
    command.name = name;
    command.purpose = purpose;
    command.synopsis = {synopsis};
    command.common = std::move(common);
    command.body = std::move(body);
    return command;
}

} // namespace

int main(int argc, char** argv) {
    using cli::Common;
    const std::vector<Common> looking = {Common::directory, Common::json};
    cli::Command add_command =
        command("add", "queue the jobs that stand on standard input, a line each",
                "[-nqv] [-C DIR] [--first | --last] [--json]",
                {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json}, add);
    add_command.options.add_options()("first", "before all others")("last", "after all others");
    cli::Command list_command = command("list", "print every job in the queue",
                                        "[-C DIR] [--json] [KEYWORD ...]", looking, queue_program::list);
    list_command.operands = {"KEYWORD", 0, cli::k_any_number};
    cli::Command show_command = command("show", "print what the queue knows of one file",
                                        "[-C DIR] [--json] FILE", looking, queue_program::show);
    show_command.operands = {"FILE", 1, 1};
    cli::Command retry_command =
        command("retry", "make deferred jobs due now", "[-nqv] [-C DIR] [--json] [FILE ...]",
                {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json}, retry);
    retry_command.operands = {"FILE", 0, cli::k_any_number};
    const cli::Command status_command = command("status", "count jobs by keyword and state",
                                                "[-C DIR] [--json]", looking, queue_program::status);
    return cli::run(argc, argv,
                    {"queue",
                     "look at the queue, and change it",
                     {add_command, list_command, show_command, retry_command, status_command}});
}
