// repair: works off the findings of check that stand on standard input.
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "program/cluster.hpp"
#include "queue/line_reader.hpp"
#include "upkeep/repair.hpp"

#include <exception>

namespace {

using namespace nodespool;
using upkeep::Repaired;
using upkeep::RepairOutcome;

/// Adds every line that can be understood; the others are told, with their place.
void read_findings(upkeep::Repair& repair, cli::ExitStatus& status) {
    const std::string input = "stdin";
    queue::LineReader reader(base::k_standard_input, input, queue::Input::stream);
    while (const auto line = reader.next()) {
        if (upkeep::is_finding_comment(line->text))
            continue;
        try {
            if (line->length > queue::k_max_line_bytes)
                throw queue::JobError({input, line->number}, queue::k_max_line_bytes + 1,
                                      "a line of " + std::to_string(line->length) + " bytes",
                                      "at most " + std::to_string(queue::k_max_line_bytes));
            repair.add(upkeep::parse_finding(line->text, {input, line->number}));
        } catch (const queue::JobError& error) {
            base::log(base::LogLevel::error, {{"result", "rejected"}, {"reason", error.what()}});
            status.note(cli::Condition::rejected);
        }
    }
}

base::LogFields fields_of(const RepairOutcome& outcome) {
    base::LogFields fields = {{"result", std::string(upkeep::to_string(outcome.result))},
                              {"finding", std::string(upkeep::to_string(outcome.finding.kind))}};
    if (!outcome.finding.node.empty()) {
        fields.emplace_back("node", outcome.finding.node);
        fields.emplace_back("name", base::encode_name(outcome.finding.name));
    }
    if (!outcome.finding.path.empty())
        fields.emplace_back("file", base::encode_name(outcome.finding.path));
    if (!outcome.reason.empty())
        fields.emplace_back("reason", outcome.reason);
    return fields;
}

base::LogLevel level_of(Repaired result) {
    switch (result) {
    case Repaired::lost:
        return base::LogLevel::error;
    case Repaired::kept:
    case Repaired::not_verified:
        return base::LogLevel::warning;
    default:
        return base::LogLevel::info;
    }
}

void print_json(const RepairOutcome& outcome, bool pretends) {
    cli::Json object;
    for (const auto& [key, value] : fields_of(outcome))
        object[std::string(pretends && key == "result" ? "would" : key)] =
            key == "reason" ? base::printable(value) : value;
    cli::print_json(object);
}

/// What a dry run says instead of doing it.
std::string intention(const RepairOutcome& outcome) {
    switch (outcome.result) {
    case Repaired::dropped:
        return "would take it out of the link file";
    case Repaired::removal_queued:
        return "would queue its remove job";
    case Repaired::replicate_queued:
        return "would queue a replicate job";
    case Repaired::store_queued:
        return "would queue a store job";
    case Repaired::adopted:
        return "would make the link file " + base::encode_name(outcome.finding.path);
    case Repaired::settled:
        return "would do nothing";
    case Repaired::kept:
        return "would leave it as it is";
    case Repaired::lost:
        return "would leave a link file without a copy";
    case Repaired::not_verified:
        return "would leave it as it is";
    }
    return {};
}

void print_intention(const RepairOutcome& outcome) {
    std::string line = upkeep::format_finding(outcome.finding) + ": " + intention(outcome);
    if (!outcome.reason.empty())
        line += ": " + base::printable(outcome.reason);
    cli::print(line + "\n");
}

void repair(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const processor::Cluster cluster = program::open_cluster(invocation, cli::Passwords::needed);
    const bool pretends = invocation.dry_run == cli::DryRun::yes;
    const bool json = invocation.format == cli::OutputFormat::json;
    upkeep::RepairOptions options;
    options.orphans = invocation.has("delete-orphans") ? upkeep::Orphans::remove : upkeep::Orphans::adopt;
    options.intent = pretends ? upkeep::Intent::pretend : upkeep::Intent::change;
    std::exception_ptr output_failure; // a closed pipe must not end the repair in the middle
    options.on_outcome = [&](const RepairOutcome& outcome) {
        if (!pretends)
            base::log(level_of(outcome.result), fields_of(outcome));
        try {
            if (!output_failure && json)
                print_json(outcome, pretends);
            else if (!output_failure && pretends)
                print_intention(outcome);
        } catch (const base::Error&) {
            output_failure = std::current_exception();
        }
    };
    upkeep::Repair work(cluster, options);
    read_findings(work, status);
    const upkeep::RepairSummary summary = work.run();
    if (summary.left)
        status.note(cli::Condition::resubmitted);
    if (summary.unreadable)
        status.note(cli::Condition::io);
    if (output_failure)
        std::rethrow_exception(output_failure);
}

} // namespace

int main(int argc, char** argv) {
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [--delete-orphans] [--json]"};
    command.common = {cli::Common::directory, cli::Common::dry_run, cli::Common::verbose, cli::Common::quiet,
                      cli::Common::json};
    command.options.add_options()("delete-orphans", "queue remove jobs for orphans instead of adopting them");
    command.body = repair;
    return cli::run(argc, argv, {"repair", "repair what check printed, read from standard input", {command}});
}
