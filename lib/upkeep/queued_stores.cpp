// `store` jobs.
#include "upkeep/queued_stores.hpp"

#include "base/stable_hash.hpp"
#include "queue/survey.hpp"

namespace nodespool::upkeep {

namespace {

std::uint64_t key(const std::string& path, std::uint64_t size_bytes) {
    return base::stable_hash(path + '\0' + std::to_string(size_bytes));
}

} // namespace

QueuedStores::QueuedStores(const queue::Spool& spool) {
    queue::survey(spool, [&](const queue::SurveyedJob& seen) {
        const bool will_run = seen.state == queue::JobState::ready || seen.state == queue::JobState::deferred;
        if (will_run && seen.job &&
            (seen.job->keyword == queue::Keyword::upload || seen.job->keyword == queue::Keyword::store))
            m_versions.insert(key(seen.job->path, seen.job->size_bytes));
    });
}

bool QueuedStores::add(const catalog::Link& link) {
    return m_versions.insert(key(link.path, link.size_bytes)).second;
}

} // namespace nodespool::upkeep
