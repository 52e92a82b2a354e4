// replicate: the commit of finished transfers.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "processor/link_jobs.hpp"
#include "processor/removals.hpp"
#include "processor/replicate_work.hpp"
#include "processor/report.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

ReplicateEffect& effect_of(Job& job) {
    return static_cast<ReplicateEffect&>(*job.effect);
}

/// Is the link still one whose content the copies have? A checksum proves it; else one of the copies that
/// were read must still be recorded, as names are used once, ever.
bool has_same_content(const catalog::Link& now, const ReplicateEffect& effect) {
    if (!now.records(effect.link.size_bytes, effect.link.mtime.value) || now.checksum != effect.link.checksum)
        return false;
    return base::kind_of_checksum(now.checksum) ||
           std::any_of(effect.read.begin(), effect.read.end(),
                       [&](const catalog::Copy& copy) { return now.has_copy(copy); });
}

} // namespace

void ReplicateWork::commit(std::vector<Job*>& group) {
    std::vector<std::string> paths;
    paths.reserve(group.size());
    for (const Job* job : group)
        paths.push_back(job->record.path);
    std::vector<WithGoneCopies> with_gone;
    {
        catalog::LinkBatch batch(*m_catalog, paths);
        for (Job* job : group) {
            try {
                decide(batch, *job, with_gone);
            } catch (const base::Error& error) {
                leave(*job, error);
            }
        }
        batch.commit();
        if (!with_gone.empty())
            queue_removals(batch, *m_spool, with_gone);
    }
    queue_releases(group);
    for (Job* job : group) {
        if (!job->effect)
            continue;
        settle(effect_of(*job));
        job->effect.reset();
    }
}

/// Under the link's lock: what has become of the link since it was read, and how many copies are still
/// wanted?
void ReplicateWork::decide(catalog::LinkBatch& batch, Job& job, std::vector<WithGoneCopies>& with_gone) {
    ReplicateEffect& effect = effect_of(job);
    std::optional<catalog::Link> link = batch.read(job.record.path);
    const bool fits =
        link && (effect.sent.empty() ? link->records(effect.link.size_bytes, effect.link.mtime.value)
                                     : has_same_content(*link, effect));
    if (!fits) {
        job.effect.reset();
        job.outcome = {Result::again, "its link file changed while it was copied"};
        return;
    }
    const std::size_t before = link->servers.size();
    record_copies(job, *link);
    if (link->servers.size() > before)
        batch.replace(*link);
    else
        batch.rely_on(job.record.path);
    if (!link->gone.empty()) // a run died before the removals were queued
        with_gone.push_back({*link, 0});
    effect.releases_local_file = may_release_local_file(*link);
}

void ReplicateWork::record_copies(Job& job, catalog::Link& next) {
    ReplicateEffect& effect = effect_of(job);
    if (effect.sent.empty())
        return;
    std::size_t missing = missing_copies(job, next);
    const std::size_t wanted = missing;
    for (ReplicateEffect::Sent& sent : effect.sent) {
        const bool has_one =
            std::any_of(next.servers.begin(), next.servers.end(),
                        [&](const catalog::Copy& copy) { return copy.node == sent.copy.node; });
        if (missing == 0 || has_one)
            continue; // its entry in the sending log stays open: clean_up() takes it from its node
        next.servers.push_back(sent.copy);
        sent.is_recorded = true;
        --missing;
    }
    const auto asked = job.record.copies.value_or(static_cast<unsigned>(next.servers.size()));
    next.copies = std::max(next.copies, asked);
    job.has_done = job.has_done || missing < wanted;
    if (missing > 0)
        job.outcome = {Result::again, "more copies are wanted"};
    else if (wanted == 0)
        job.outcome = {Result::duplicate, "another job made the copies meanwhile"};
}

/// The local file may go: `store` compares its content and takes it away.
void ReplicateWork::queue_releases(const std::vector<Job*>& group) {
    queue::Outbox outbox(*m_spool);
    for (Job* job : group)
        if (job->effect && effect_of(*job).releases_local_file)
            outbox.add(store_job(effect_of(*job).link), queue::Priority::normal,
                       "it has its copies: its local file is to be released");
    outbox.commit();
}

void ReplicateWork::settle(const ReplicateEffect& effect) {
    for (const ReplicateEffect::Sent& sent : effect.sent)
        if (sent.is_recorded)
            m_sending.settle(sent.entry);
}

void ReplicateWork::release(std::vector<Job*>& group) {
    for (Job* job : group) // commit() leaves nothing for a second look
        job->effect.reset();
}

} // namespace nodespool::processor
