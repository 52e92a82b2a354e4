// Jobs as queue prints them.
#include "views.hpp"

#include "base/path_name.hpp"
#include "cli/output.hpp"

#include <fmt/format.h>

namespace nodespool::queue_program {

queue::NodeNames known_nodes(const cli::Config& config) {
    queue::NodeNames known;
    for (const node::NodeConfig& node : config.nodes)
        known.insert(node.name);
    return known;
}

queue::Keyword keyword_given(const std::string& word) {
    if (const auto keyword = queue::keyword_of(word))
        return *keyword;
    throw base::Error(base::ErrorClass::usage, "found keyword '" + base::printable(word) +
                                                   "', expected upload, store, replicate or remove");
}

void survey(const cli::Config& config, cli::ExitStatus& status,
            const std::function<void(const queue::SurveyedJob&)>& visit) {
    const auto spool = queue::Spool::open_existing(config.root, base::system_clock());
    if (queue::survey(spool, visit) > 0)
        status.note(cli::Condition::permission);
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

std::string file_pattern(const std::string& operand, std::string_view directory) {
    std::string pattern = operand;
    if (pattern.starts_with(directory))
        pattern.erase(0, directory.size());
    if (pattern.empty() || pattern.find('/') != std::string::npos)
        throw base::Error(base::ErrorClass::usage, "found '" + base::printable(operand) +
                                                       "', expected the name of a queue file, or a pattern");
    return pattern;
}

} // namespace nodespool::queue_program
