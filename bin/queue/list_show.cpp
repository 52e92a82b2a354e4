// queue list, queue show.
#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "catalog/catalog.hpp"
#include "cli/cluster.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "commands.hpp"
#include "views.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::queue_program {

namespace {

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

/// Of a line that cannot be understood: does one of its words name the file?
bool mentions(std::string_view line, const std::string& encoded_path) {
    for (std::size_t at = line.find(encoded_path); at != line.npos; at = line.find(encoded_path, at + 1)) {
        const std::size_t end = at + encoded_path.size();
        const bool begins = at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t');
        if (begins &&
            (end == line.size() || std::string_view(" \t\r").find(line[end]) != std::string_view::npos))
            return true;
    }
    return false;
}

void print_details(const queue::SurveyedJob& seen) {
    cli::print(text_of(seen));
    if (seen.job && seen.job->attempts > 0)
        cli::print(fmt::format("    attempts: {}, since {}\n", seen.job->attempts,
                               base::format_rfc3339(seen.queued_at)));
    if (seen.state == queue::JobState::deferred)
        cli::print("    not before " + base::format_rfc3339(*seen.job->not_before) + "\n");
    if (!seen.comment.empty())
        cli::print("    " + base::printable(seen.comment) + "\n");
}

} // namespace

void list(const cli::Invocation& invocation, cli::ExitStatus& status) {
    std::vector<queue::Keyword> wanted;
    for (const std::string& operand : invocation.operands)
        wanted.push_back(keyword_given(operand));
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
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
    const std::string encoded = base::encode_name(path);
    survey(config, status, [&](const queue::SurveyedJob& seen) {
        const bool is_about_it = seen.job ? seen.job->cluster_path() == path : mentions(seen.text, encoded);
        if (!is_about_it)
            return;
        if (json)
            cli::print_json(json_of(seen));
        else
            print_details(seen);
    });
}

} // namespace nodespool::queue_program
