// Job lines: what is understood is written so that it reads the same, what is not says where and why.
#include "base/path_name.hpp"
#include "fuzz/fuzzer.hpp"
#include "queue/job.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <tuple>

using namespace nodespool;
using fuzz::demand;
using queue::JobRecord;
using queue::Keyword;

namespace {

const queue::NodeNames k_known = {"n1", "n2", "n3"};
constexpr std::size_t k_longest_message = 600;

auto fields_of(const JobRecord& job) {
    return std::tie(job.keyword, job.path, job.node, job.owner_uid, job.size_bytes, job.mtime, job.nodes.only,
                    job.nodes.without, job.attributes, job.copies, job.since, job.not_before, job.attempts);
}

void check_error(const queue::JobError& error, std::string_view line) {
    const std::string_view message = error.what();
    fuzz::demand_printable(message, "an error can be shown");
    demand(message.size() <= k_longest_message, "an error is short, however long the line", message);
    demand(error.error_class() == base::ErrorClass::bad_input, "an error is one of bad input", message);
    const std::uint64_t column = fuzz::number_after(message, "x.q:7:");
    demand(column >= 1 && column <= line.size() + 1, "the column lies in the line", message);
    demand(message.find("found ") != message.npos && message.find(", expected ") != message.npos,
           "an error says what was found and what was expected", message);
}

std::optional<JobRecord> parse(std::string_view line, const queue::NodeNames* known) {
    try {
        return queue::parse_job(line, {"x.q", 7}, known);
    } catch (const queue::JobError& error) {
        check_error(error, line);
        return std::nullopt;
    }
}

void check_path(const JobRecord& job) {
    const std::string path = job.keyword == Keyword::remove ? "node/" + job.path : job.path;
    for (std::string_view rest = path;;) {
        const std::size_t slash = rest.find('/');
        const std::string_view component = rest.substr(0, slash);
        demand(!component.empty() && component != "." && component != "..", "a path leads nowhere else",
               path);
        if (slash == rest.npos)
            break;
        rest.remove_prefix(slash + 1);
    }
    demand(path.find('\0') == path.npos, "a path has no NUL", path);
    demand(path.front() != '.', "the top of the file space is nodespool's where a name begins with a dot",
           path);
}

void check_limits(const JobRecord& job, std::string_view line) {
    demand(line.size() <= queue::k_max_line_bytes + 1, "a longer line is no job");
    demand(job.size_bytes <= std::numeric_limits<std::int64_t>::max(), "a size is one that a file can have");
    demand(job.owner_uid != std::numeric_limits<std::uint32_t>::max(), "the uid is nobody's -1");
    demand(!job.copies || (*job.copies >= 1 && *job.copies <= 1000), "copies is from 1 to 1000");
    demand((job.keyword == Keyword::remove) == !job.node.empty(), "remove, and nothing else, names its node");
    demand(job.keyword != Keyword::remove || base::is_node_name(job.node), "a node's name is one", job.node);
    for (const auto* names : {&job.nodes.only, &job.nodes.without})
        for (const std::string& name : *names)
            demand(base::is_node_name(name), "a node's name is one", name);
    for (const auto& [key, value] : job.attributes)
        demand(!key.empty() && job.find_attribute(key) == &value, "an attribute comes once", key);
}

void check_times(const JobRecord& job) {
    // As `queue list` shows them, whatever somebody wrote.
    for (const std::optional<base::Timestamp>& time : {job.since, job.not_before})
        if (time)
            fuzz::demand_printable(base::format_rfc3339(*time), "a time can be shown");
}

void check_job(const JobRecord& job, std::string_view line) {
    check_path(job);
    check_limits(job, line);
    check_times(job);
    const queue::LineClass seen = queue::classify(line);
    demand(seen.kind == queue::LineKind::job && seen.keyword == job.keyword,
           "the first word tells whose job it is", line);
    const std::string written = queue::format_job(job);
    demand(written.size() <= line.size(), "a job is not written longer than it was read", written);
    const std::optional<JobRecord> again = parse(written, nullptr);
    demand(again && fields_of(*again) == fields_of(job), "a job reads back as it was written", written);
    demand(queue::format_job(*again) == written, "a job is always written the same", written);
    demand(base::decode_name(base::encode_name(job.path)) == job.path, "a name survives", job.path);
}

/// A job goes back with its history, in a line of its own.
void check_resubmission(JobRecord job) {
    job.set_attribute("attempts", fmt::format("{}", job.attempts + 1));
    job.set_attribute("not-before", base::format_time(base::Timestamp{1893456000, 5}));
    queue::give_job_id(job, "12-34.000000000-56");
    const std::string line = queue::format_job(job);
    if (line.size() > queue::k_max_line_bytes)
        return;
    const std::optional<JobRecord> again = parse(line, nullptr);
    demand(again && again->path == job.path && again->attributes == job.attributes,
           "a job that goes back is the same job", line);
    demand(again->not_before == base::Timestamp{1893456000, 5}, "a job that goes back waits", line);
}

void check(std::string_view line) {
    const std::optional<JobRecord> job = parse(line, nullptr);
    const std::optional<JobRecord> known = parse(line, &k_known);
    demand(job || !known, "a line that is no job is none for any nodes", line);
    demand(!known || fields_of(*known) == fields_of(*job), "the nodes do not change a job", line);
    if (!job)
        return;
    check_job(*job, line);
    if (job->attempts < std::numeric_limits<unsigned>::max() - 1)
        check_resubmission(*job);
}

} // namespace

/// Lines, each as a reader of queue files gives it.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const std::string_view line : fuzz::lines_of(fuzz::text_of(data, size)))
        check(line);
    return 0;
}
