// What a job record knows, and how it is written.
#include "queue/job.hpp"

#include "base/path_name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::queue {

std::string_view to_string(Keyword keyword) {
    switch (keyword) {
    case Keyword::upload:
        return "upload";
    case Keyword::store:
        return "store";
    case Keyword::replicate:
        return "replicate";
    case Keyword::remove:
        return "remove";
    }
    return "";
}

std::optional<Keyword> keyword_of(std::string_view word) {
    for (const Keyword keyword : k_keywords)
        if (word == to_string(keyword))
            return keyword;
    return std::nullopt;
}

bool NodeList::allows(std::string_view node) const {
    if (std::find(without.begin(), without.end(), node) != without.end())
        return false;
    return only.empty() || std::find(only.begin(), only.end(), node) != only.end();
}

void JobRecord::set_attribute(std::string_view key, std::string value) {
    for (auto& [name, old] : attributes)
        if (name == key) {
            old = std::move(value);
            return;
        }
    attributes.emplace_back(key, std::move(value));
}

void JobRecord::drop_attribute(std::string_view key) {
    std::erase_if(attributes, [&](const auto& attribute) { return attribute.first == key; });
}

const std::string* JobRecord::find_attribute(std::string_view key) const {
    for (const auto& [name, value] : attributes)
        if (name == key)
            return &value;
    return nullptr;
}

JobRecord upload_job(std::string path, std::uint32_t owner_uid, std::uint64_t size_bytes,
                     base::Timestamp mtime) {
    JobRecord job;
    job.keyword = Keyword::upload;
    job.path = std::move(path);
    job.owner_uid = owner_uid;
    job.size_bytes = size_bytes;
    job.mtime = {mtime, 9};
    return job;
}

bool needs_job_id(const JobRecord& job) {
    return job.keyword == Keyword::replicate && !job.copies && job.find_attribute(k_job_id) == nullptr;
}

void give_job_id(JobRecord& job, const std::string& line_id) {
    if (needs_job_id(job))
        job.set_attribute(k_job_id, line_id);
}

std::optional<std::string> JobRecord::cluster_path() const {
    if (keyword != Keyword::remove)
        return path;
    const std::string* attribute = find_attribute("path");
    if (attribute == nullptr)
        return std::nullopt;
    try {
        return base::decode_name(*attribute);
    } catch (const base::NameError&) {
        return std::nullopt;
    }
}

JobError::JobError(const LineOrigin& origin, std::size_t column, const std::string& found,
                   const std::string& expected)
    : base::Error(base::ErrorClass::bad_input, fmt::format("{}:{}:{}: found {}, expected {}", origin.file,
                                                           origin.line, column, found, expected)) {}

std::string format_job(const JobRecord& job) {
    std::string line{to_string(job.keyword)};
    switch (job.keyword) {
    case Keyword::upload:
        line += fmt::format(" {} {} {} {}", base::encode_name(job.path), job.owner_uid, job.size_bytes,
                            base::format_time(job.mtime));
        break;
    case Keyword::store:
    case Keyword::replicate:
        line += fmt::format(" {} {} {}", base::encode_name(job.path), job.size_bytes,
                            base::format_time(job.mtime));
        break;
    case Keyword::remove:
        line += fmt::format(" {} {} {}", job.node, base::encode_name(job.path), job.size_bytes);
        break;
    }
    for (const std::string& node : job.nodes.only)
        line += ' ' + node;
    for (const std::string& node : job.nodes.without)
        line += " -" + node;
    for (const auto& [key, value] : job.attributes)
        line += ' ' + key + '=' + value;
    return line;
}

LineClass classify(std::string_view line) {
    const std::size_t start = line.find_first_not_of(" \t\r");
    if (start == line.npos || line[start] == '#')
        return {LineKind::nothing, {}};
    const std::size_t end = line.find_first_of(" \t\r", start);
    const std::optional<Keyword> keyword =
        keyword_of(line.substr(start, end == line.npos ? end : end - start));
    return keyword ? LineClass{LineKind::job, *keyword} : LineClass{LineKind::unknown, {}};
}

} // namespace nodespool::queue
