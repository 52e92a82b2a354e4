// queue status.
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/output.hpp"
#include "commands.hpp"
#include "processor/node_state.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace nodespool::queue_program {

namespace {

/// Of one keyword.
struct Totals {
    std::uint64_t ready = 0;
    std::uint64_t deferred = 0;
    std::uint64_t held = 0;
    std::uint64_t rejected = 0;
    std::optional<base::Timestamp> oldest; ///< of the ready and the deferred
    unsigned max_attempts = 0;

    void count(const queue::SurveyedJob& seen) {
        switch (seen.state) {
        case queue::JobState::ready:
            ++ready;
            break;
        case queue::JobState::deferred:
            ++deferred;
            break;
        case queue::JobState::held:
            ++held;
            return;
        case queue::JobState::rejected:
            ++rejected;
            return;
        }
        oldest = oldest ? std::min(*oldest, seen.queued_at) : seen.queued_at;
        max_attempts = std::max(max_attempts, seen.job->attempts);
    }
};

std::int64_t age_s(base::Timestamp then) {
    return std::max<std::int64_t>(0, std::llround(base::seconds_between(then, base::system_clock().now())));
}

std::string age_text(std::int64_t seconds) {
    if (seconds < 120)
        return fmt::format("{} s", seconds);
    if (seconds < 7200)
        return fmt::format("{} min", seconds / 60);
    if (seconds < 172800)
        return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} d", seconds / 86400);
}

void print_totals(const std::string& keyword, const Totals& totals, cli::OutputFormat format) {
    if (format == cli::OutputFormat::text) {
        cli::print(fmt::format("{:<10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", keyword, totals.ready,
                               totals.deferred, totals.held, totals.rejected,
                               totals.oldest ? age_text(age_s(*totals.oldest)) : "-", totals.max_attempts));
        return;
    }
    cli::Json object;
    object["keyword"] = keyword;
    object["ready"] = totals.ready;
    object["deferred"] = totals.deferred;
    object["held"] = totals.held;
    object["rejected"] = totals.rejected;
    object["oldest_s"] = totals.oldest ? age_s(*totals.oldest) : 0;
    object["max_attempts"] = totals.max_attempts;
    cli::print_json(object);
}

std::string time_text(const std::optional<base::Timestamp>& time) {
    return time ? base::format_rfc3339(*time) : "-";
}

/// A node of the configuration, as the programs last knew it.
void print_node_text(const std::string& node, const processor::RecordedHealth* health) {
    if (health == nullptr) {
        cli::print(fmt::format("{:<20} {:<6} nobody has spoken to it yet\n", node, "-"));
        return;
    }
    cli::print(
        fmt::format("{:<20} {:<6} {:>9} {:>24} {:>24} {}\n", node, to_string(health->state),
                    age_text(age_s(health->since)), time_text(health->last_success),
                    time_text(health->last_error ? std::optional(health->last_error->time) : std::nullopt),
                    health->last_error ? base::printable(health->last_error->text) : "-"));
}

cli::Json time_json(const std::optional<base::Timestamp>& time) {
    return time ? cli::Json(base::format_time(*time)) : cli::Json(nullptr);
}

void print_node_json(const std::string& node, const processor::RecordedHealth* health) {
    cli::Json object;
    object["node"] = node;
    object["state"] = health != nullptr ? cli::Json(to_string(health->state)) : cli::Json(nullptr);
    object["since"] = health != nullptr ? time_json(health->since) : cli::Json(nullptr);
    object["last-success"] = health != nullptr ? time_json(health->last_success) : cli::Json(nullptr);
    const bool failed = health != nullptr && health->last_error;
    object["last-error"] = failed ? time_json(health->last_error->time) : cli::Json(nullptr);
    object["error"] = failed ? cli::Json(base::printable(health->last_error->text)) : cli::Json(nullptr);
    cli::print_json(object);
}

void print_nodes(const cli::Config& config, cli::OutputFormat format) {
    const processor::RecordedHealths healths = processor::read_node_health(config.root);
    if (format == cli::OutputFormat::text)
        cli::print(fmt::format("\n{:<20} {:<6} {:>9} {:>24} {:>24} {}\n", "NODE", "STATE", "FOR",
                               "LAST SUCCESS", "LAST ERROR", "ERROR"));
    for (const node::NodeConfig& node : config.nodes) {
        const auto found = healths.find(node.name);
        const processor::RecordedHealth* health = found != healths.end() ? &found->second : nullptr;
        if (format == cli::OutputFormat::text)
            print_node_text(node.name, health);
        else
            print_node_json(node.name, health);
    }
}

} // namespace

void status(const cli::Invocation& invocation, cli::ExitStatus& exit_status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    std::map<queue::Keyword, Totals> totals;
    Totals unknown;
    survey(config, exit_status, [&](const queue::SurveyedJob& seen) {
        (seen.keyword ? totals[*seen.keyword] : unknown).count(seen);
    });
    if (invocation.format == cli::OutputFormat::text)
        cli::print(fmt::format("{:<10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "KEYWORD", "READY", "DEFERRED",
                               "HELD", "REJECTED", "OLDEST", "ATTEMPTS"));
    for (const queue::Keyword keyword : queue::k_keywords)
        print_totals(std::string(to_string(keyword)), totals[keyword], invocation.format);
    if (unknown.rejected + unknown.held > 0)
        print_totals("unknown", unknown, invocation.format);
    print_nodes(config, invocation.format);
}

} // namespace nodespool::queue_program
