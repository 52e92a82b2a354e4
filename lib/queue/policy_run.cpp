// Feeding a policy program and checking what it says.
#include "queue/policy_run.hpp"

#include "base/filter_through.hpp"
#include "base/path_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

namespace nodespool::queue {

namespace {

/// What a job is about: the cluster file, or the copy that is to be removed.
std::string subject_of(const JobRecord& job) {
    return job.keyword == Keyword::remove ? job.node + "\n" + job.path : job.path;
}

/// Which subjects of the input have not come out yet.
class Missing {
  public:
    void add(const JobRecord& job, std::size_t offset) {
        m_offsets.try_emplace(std::hash<std::string>{}(subject_of(job)), offset);
    }
    void came(const JobRecord& job) { m_offsets.erase(std::hash<std::string>{}(subject_of(job))); }
    [[nodiscard]] std::size_t count() const { return m_offsets.size(); }
    /// Where the first one's line begins in the input.
    [[nodiscard]] std::size_t first() const {
        return std::min_element(m_offsets.begin(), m_offsets.end(),
                                [](const auto& one, const auto& other) { return one.second < other.second; })
            ->second;
    }

  private:
    std::unordered_map<std::size_t, std::size_t> m_offsets; ///< by the subject's hash
};

std::string_view line_at(std::string_view lines, std::size_t offset) {
    return lines.substr(offset, std::min(lines.find('\n', offset), lines.size()) - offset);
}

Missing all_missing(std::string_view lines) {
    Missing missing;
    for (std::size_t at = 0; at < lines.size();) {
        const std::string_view line = line_at(lines, at);
        missing.add(parse_job(line, {}, nullptr), at);
        at += line.size() + 1;
    }
    return missing;
}

/// Lines from a stream of blocks.
class OutputReader {
  public:
    OutputReader(const Policy& policy, const std::function<void(const JobRecord&)>& on_job)
        : m_policy(&policy),
          m_on_job(&on_job),
          m_origin{"output of " + policy.command.front(), 1} {}

    void read(std::string_view bytes) {
        for (;;) {
            const std::size_t newline = bytes.find('\n');
            m_line += bytes.substr(0, newline);
            if (newline == bytes.npos)
                break;
            end_line();
            bytes.remove_prefix(newline + 1);
        }
        if (m_line.size() > k_max_line_bytes)
            end_line(); // too long already: throws
    }
    /// A last line without newline counts: the program has ended well.
    void finish() {
        if (!m_line.empty())
            end_line();
    }

  private:
    void end_line() {
        if (classify(m_line).kind != LineKind::nothing)
            (*m_on_job)(parse_job(m_line, m_origin, m_policy->known));
        else if (m_line.size() > k_max_line_bytes)
            throw JobError(m_origin, k_max_line_bytes + 1, "a line without end", "job lines");
        ++m_origin.line;
        m_line.clear();
    }

    const Policy* m_policy;
    const std::function<void(const JobRecord&)>* m_on_job;
    LineOrigin m_origin;
    std::string m_line;
};

std::unique_ptr<base::ChildProcess> start(const Policy& policy) {
    try {
        return std::make_unique<base::ChildProcess>(policy.command, policy.variables,
                                                    base::Complaints::passed_on);
    } catch (const base::SystemError& error) {
        for (const int code : {ENOENT, ENOTDIR, EACCES, ENOEXEC})
            if (error.code() == code)
                throw base::Error(base::ErrorClass::usage, error.what());
        throw;
    }
}

} // namespace

PolicyOutcome run_policy(const Policy& policy, std::string_view lines,
                         const std::function<void(const JobRecord&)>& on_job) {
    const std::string& name = policy.command.front();
    PolicyOutcome outcome;
    Missing missing = all_missing(lines);
    const std::function<void(const JobRecord&)> count_and_pass_on = [&](const JobRecord& job) {
        ++outcome.jobs;
        missing.came(job);
        on_job(job);
    };
    OutputReader reader(policy, count_and_pass_on);
    const std::unique_ptr<base::ChildProcess> child = start(policy);
    const base::Filtered filtered =
        base::filter_through(*child, lines, [&](std::string_view bytes) { reader.read(bytes); });
    if (!filtered.end.is_success())
        throw PolicyError(name + ": " + filtered.end.text());
    if (!filtered.read_all)
        throw PolicyError(name + ": did not read all of the jobs");
    reader.finish();
    outcome.dropped = missing.count();
    if (outcome.dropped > 0 && policy.drops == Drops::refused)
        throw PolicyError(fmt::format("{}: read, but did not write any job for {} of the files, as of '{}'",
                                      name, outcome.dropped,
                                      base::printable(line_at(lines, missing.first()))));
    return outcome;
}

} // namespace nodespool::queue
