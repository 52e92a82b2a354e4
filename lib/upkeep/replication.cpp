// `replicate` jobs.
#include "upkeep/replication.hpp"

#include "base/path_name.hpp"
#include "base/stable_hash.hpp"
#include "processor/link_jobs.hpp"
#include "queue/survey.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

std::uint64_t version_hash(const std::string& path, std::uint64_t size_bytes,
                           const base::WrittenTime& mtime) {
    return base::stable_hash(
        fmt::format("{} {} {}", base::encode_name(path), size_bytes, base::format_time(mtime)));
}

} // namespace

QueuedReplications::QueuedReplications(const queue::Spool& spool) {
    queue::survey(spool, [&](const queue::SurveyedJob& seen) {
        const bool will_run = seen.state == queue::JobState::ready || seen.state == queue::JobState::deferred;
        if (will_run && seen.job && seen.job->keyword == queue::Keyword::replicate &&
            seen.job->nodes.only.empty() && seen.job->nodes.without.empty())
            add(*seen.job);
    });
}

void QueuedReplications::add(const queue::JobRecord& job) {
    unsigned& most = m_copies[version_hash(job.path, job.size_bytes, job.mtime)];
    most = std::max(most, job.copies.value_or(0));
}

void QueuedReplications::add(const catalog::Link& link, unsigned copies) {
    add(processor::replicate_job(link, copies));
}

bool QueuedReplications::has(const catalog::Link& link, unsigned copies) const {
    const auto found = m_copies.find(version_hash(link.path, link.size_bytes, link.mtime));
    return found != m_copies.end() && found->second >= copies;
}

} // namespace nodespool::upkeep
