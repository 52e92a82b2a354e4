// Views of the queue.
#include "views.hpp"

#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "catalog/catalog.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "queue/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace nodespool::queue_program {

namespace {

queue::Spool spool_of(const cli::Config& config) {
    return queue::Spool::open_existing(config.root, base::system_clock());
}

cli::Json json_of(const queue::SurveyedJob& seen) {
    cli::Json object;
    object["state"] = to_string(seen.state);
    object["queue-file"] = seen.queue_file;
    object["line"] = seen.line;
    object["job"] = base::printable(seen.text);
    if (seen.keyword)
        object["keyword"] = to_string(*seen.keyword);
    if (seen.job) {
        object["path"] = base::encode_name(seen.job->path);
        object["size"] = seen.job->size_bytes;
        object["attempts"] = seen.job->attempts;
        if (seen.job->not_before)
            object["not-before"] = base::format_time(*seen.job->not_before);
    }
    object["since"] = base::format_time(seen.queued_at);
    if (!seen.comment.empty())
        object["comment"] = base::printable(seen.comment);
    return object;
}

std::string text_of(const queue::SurveyedJob& seen) {
    return fmt::format("{} {}:{} {}\n", to_string(seen.state), base::encode_name(seen.queue_file), seen.line,
                       base::printable(seen.text));
}

void print_job(const queue::SurveyedJob& seen, cli::OutputFormat format) {
    if (format == cli::OutputFormat::json)
        cli::print_json(json_of(seen));
    else
        cli::print(text_of(seen));
}

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
    [[nodiscard]] std::int64_t oldest_s(base::Timestamp now) const {
        return oldest ? std::max<std::int64_t>(0, std::llround(base::seconds_between(*oldest, now))) : 0;
    }
};

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
    const std::int64_t oldest_s = totals.oldest_s(base::system_clock().now());
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["keyword"] = keyword;
        object["ready"] = totals.ready;
        object["deferred"] = totals.deferred;
        object["rejected"] = totals.rejected;
        object["oldest_s"] = oldest_s;
        object["max_attempts"] = totals.max_attempts;
        cli::print_json(object);
        return;
    }
    cli::print(fmt::format("{:<10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", keyword, totals.ready,
                           totals.deferred, totals.held, totals.rejected,
                           totals.oldest ? age_text(oldest_s) : "-", totals.max_attempts));
}

/// Reads the whole queue; what this user may not read of it tells in the exit status.
void survey(const cli::Config& config, cli::ExitStatus& status,
            const std::function<void(const queue::SurveyedJob&)>& visit) {
    if (queue::survey(spool_of(config), visit) > 0)
        status.note(cli::Condition::permission);
}

/// Where the file itself stands, before its jobs.
void print_file(const cli::Config& config, const std::string& path, cli::ExitStatus& status) {
    const std::string encoded = base::encode_name(path);
    try {
        if (const auto link = catalog::Catalog::open_existing(config.root).read(path)) {
            std::string nodes;
            for (const catalog::Copy& copy : link->servers)
                nodes += (nodes.empty() ? "" : ",") + copy.node;
            cli::print(fmt::format("{} is stored: {} bytes, time {}, on {}\n", encoded, link->size_bytes,
                                   base::format_time(link->mtime), nodes.empty() ? "no node" : nodes));
        } else {
            cli::print(encoded + " is on no node\n");
        }
    } catch (const base::Error& error) {
        cli::print(std::string(error.what()) + "\n");
        status.note(cli::Condition::io);
    }
    const auto local = base::status_at(base::k_cwd, config.files + "/" + path);
    if (local && local->type == base::FileType::regular)
        cli::print(fmt::format("{} is in the file space: {} bytes, time {}\n", encoded, local->size_bytes,
                               base::format_time(local->mtime)));
}

} // namespace

void list(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    std::vector<queue::Keyword> wanted;
    for (const std::string& operand : invocation.operands) {
        const auto keyword = queue::keyword_of(operand);
        if (!keyword)
            throw base::Error(base::ErrorClass::usage, "found keyword '" + base::printable(operand) +
                                                           "', expected upload, store, replicate or remove");
        wanted.push_back(*keyword);
    }
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        if (!wanted.empty() &&
            (!seen.keyword || std::find(wanted.begin(), wanted.end(), *seen.keyword) == wanted.end()))
            return;
        print_job(seen, invocation.format);
    });
}

void show(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const std::string path = cli::cluster_path_of(config, invocation.operands.front());
    const bool json = invocation.format == cli::OutputFormat::json;
    if (!json)
        print_file(config, path, status);
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        if (!seen.job || seen.job->cluster_path() != path)
            return;
        if (json) {
            cli::print_json(json_of(seen));
            return;
        }
        cli::print(text_of(seen));
        if (seen.job->attempts > 0)
            cli::print(fmt::format("    attempts: {}, since {}\n", seen.job->attempts,
                                   base::format_rfc3339(seen.queued_at)));
        if (seen.state == queue::JobState::deferred)
            cli::print("    not before " + base::format_rfc3339(*seen.job->not_before) + "\n");
        if (!seen.comment.empty())
            cli::print("    " + base::printable(seen.comment) + "\n");
    });
}

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
}

void show_deferred(const cli::Invocation& invocation, const cli::Config& config,
                   const std::vector<std::string>& paths, cli::ExitStatus& status) {
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        if (seen.state != queue::JobState::deferred)
            return;
        if (paths.empty() || std::find(paths.begin(), paths.end(), seen.job->cluster_path()) != paths.end())
            print_job(seen, invocation.format);
    });
}

} // namespace nodespool::queue_program
