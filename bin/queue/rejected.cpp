// queue rejected.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/output.hpp"
#include "commands.hpp"
#include "queue/hold.hpp"
#include "queue/requeue.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace nodespool::queue_program {

namespace {

constexpr std::string_view k_directory = "rejected/";

/// The files that the operands mean; all where there are none.
std::vector<std::string> files_meant(const std::vector<std::string>& operands, const queue::Spool& spool,
                                     cli::ExitStatus& status) {
    const std::vector<std::string> names = spool.rejected_files();
    if (operands.empty())
        return names;
    std::set<std::string> meant;
    for (const std::string& operand : operands) {
        const std::vector<std::string> found = queue::names_meant(names, file_pattern(operand, k_directory));
        if (found.empty()) {
            base::log(base::LogLevel::error,
                      "no file '" + base::printable(operand) + "' in .queue/rejected/");
            status.note(cli::Condition::io);
        }
        meant.insert(found.begin(), found.end());
    }
    return {meant.begin(), meant.end()};
}

void print_rejected(const queue::SurveyedJob& seen, cli::OutputFormat format) {
    if (format == cli::OutputFormat::text) {
        cli::print(fmt::format("{}:{} {}\n    {}\n", base::encode_name(seen.queue_file), seen.line,
                               base::printable(seen.text),
                               seen.comment.empty() ? "no reason is noted" : base::printable(seen.comment)));
        return;
    }
    cli::Json object;
    object["queue-file"] = seen.queue_file;
    object["line"] = seen.line;
    object["reason"] = base::printable(seen.comment);
    object["text"] = base::printable(seen.text);
    cli::print_json(object);
}

/// Calls @p visit for each live line of the files.
void visit_lines(const cli::Config& config, const std::vector<std::string>& names, cli::ExitStatus& status,
                 const std::function<void(const queue::SurveyedJob&)>& visit) {
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        if (seen.queue_file.starts_with(k_directory) &&
            std::binary_search(names.begin(), names.end(), seen.queue_file.substr(k_directory.size())))
            visit(seen);
    });
}

queue::Requeued check_only(const cli::Config& config, const std::vector<std::string>& names,
                           const std::function<void(const std::string&)>& bad, cli::ExitStatus& status) {
    queue::Requeued result;
    const queue::NodeNames known = known_nodes(config);
    visit_lines(config, names, status, [&](const queue::SurveyedJob& seen) {
        try {
            (void)queue::parse_job(seen.text, {seen.queue_file, seen.line}, &known);
            ++result.jobs;
        } catch (const queue::JobError& error) {
            ++result.rejected;
            bad(error.what());
        }
    });
    return result;
}

void requeue(const cli::Invocation& invocation, const cli::Config& config, cli::ExitStatus& status) {
    const bool is_dry_run = invocation.dry_run == cli::DryRun::yes;
    const auto bad = [&](const std::string& reason) {
        base::log(base::LogLevel::warning, {{"result", "rejected"}, {"reason", reason}});
        status.note(cli::Condition::rejected);
    };
    const queue::Spool spool = is_dry_run ? queue::Spool::open_existing(config.root, base::system_clock())
                                          : queue::Spool(config.root, base::system_clock());
    const std::vector<std::string> names = files_meant(invocation.operands, spool, status);
    const queue::Requeued result = is_dry_run
                                       ? check_only(config, names, bad, status)
                                       : queue::requeue_rejected(spool, names, known_nodes(config), bad);
    if (result.busy_files > 0)
        base::log(base::LogLevel::warning,
                  fmt::format("{} files are being worked on: lines in them were left", result.busy_files));
    if (invocation.format == cli::OutputFormat::json) {
        cli::Json object;
        object["queued"] = result.jobs;
        object["rejected"] = result.rejected;
        object["busy-files"] = result.busy_files;
        cli::print_json(object);
    } else if (is_dry_run) {
        cli::print(
            fmt::format("would queue {} jobs; {} lines are still bad\n", result.jobs, result.rejected));
    } else {
        base::log(base::LogLevel::info, {{"result", "queued"},
                                         {"jobs", std::to_string(result.jobs)},
                                         {"rejected", std::to_string(result.rejected)}});
    }
}

} // namespace

void rejected(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    if (invocation.has("requeue")) {
        requeue(invocation, config, status);
        return;
    }
    const auto spool = queue::Spool::open_existing(config.root, base::system_clock());
    visit_lines(config, files_meant(invocation.operands, spool, status), status,
                [&](const queue::SurveyedJob& seen) { print_rejected(seen, invocation.format); });
}

} // namespace nodespool::queue_program
