// store: the commit of finished transfers, and the release of local files.
#include "base/deliberate_break.hpp"
#include "processor/copy_count.hpp"
#include "processor/removals.hpp"
#include "processor/report.hpp"
#include "processor/store_work.hpp"
#include "queue/outbox.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

StoreEffect& effect_of(Job& job) {
    return static_cast<StoreEffect&>(*job.effect);
}

} // namespace

void StoreWork::commit(std::vector<Job*>& group) {
    std::vector<std::string> paths;
    paths.reserve(group.size());
    for (const Job* job : group)
        paths.push_back(job->record.path);
    std::vector<WithGoneCopies> replaced;
    {
        catalog::LinkBatch batch(*m_catalog, paths);
        for (Job* job : group) {
            try {
                decide(batch, *job, replaced);
            } catch (const base::Error& error) {
                leave(*job, error);
            }
        }
        batch.commit();
        if (!replaced.empty())
            queue_removals(batch, *m_spool, replaced);
    }
    ParentDirectories parents(m_files);
    for (Job* job : group) {
        if (!job->effect)
            continue;
        try {
            if (effect_of(*job).kind == StoreEffect::Kind::sent && job->outcome.result == Result::done)
                m_sending.settle(effect_of(*job).entry);
            begin_release(*job, parents);
        } catch (const base::Error& error) {
            leave(*job, error);
        }
    }
}

/// Under the link's lock: what has become of the path and of its link since the job was looked at?
void StoreWork::decide(catalog::LinkBatch& batch, Job& job, std::vector<WithGoneCopies>& replaced) {
    StoreEffect& effect = effect_of(job);
    const std::optional<catalog::Link> link = batch.read(job.record.path);
    const bool is_recorded = link && !link->servers.empty() && !effect.checksum.empty() &&
                             link->checksum == effect.checksum &&
                             link->records(effect.local.size_bytes, effect.local.mtime);
    if (effect.kind == StoreEffect::Kind::sent && !is_recorded) {
        record_new_version(batch, job, link, replaced);
        return;
    }
    if (effect.kind == StoreEffect::Kind::recorded && !is_recorded) {
        job.effect.reset();
        job.outcome = {Result::again, "its link file changed"};
        return;
    }
    // The link stays as it is. A copy that was sent in vain keeps its open entry in the sending log:
    // clean_up() takes it from its node.
    if (effect.kind == StoreEffect::Kind::sent)
        job.outcome = {Result::duplicate, "another job stored this version meanwhile"};
    if (!link)
        return;
    effect.recorded_copies = reachable_copies(*m_cluster, *link);
    batch.rely_on(job.record.path);
    if (!link->gone.empty()) // a run died before the removals were queued
        replaced.push_back({*link, 0});
}

void StoreWork::record_new_version(catalog::LinkBatch& batch, Job& job,
                                   const std::optional<catalog::Link>& link,
                                   std::vector<WithGoneCopies>& replaced) {
    StoreEffect& effect = effect_of(job);
    const std::string& path = job.record.path;
    const FileSpace::Found there = m_files.look(path);
    if (!base::is_broken(base::Break::committed_without_look) &&
        (!there.status || !there.status->is_same_version(effect.local))) {
        job.effect.reset();
        job.outcome = {Result::again, "the file changed while it was sent"};
        return;
    }
    if (const std::string obstacle = link ? std::string() : m_catalog->obstacle(path); !obstacle.empty()) {
        job.effect.reset();
        job.outcome = {Result::resubmitted, obstacle};
        return;
    }
    WithGoneCopies version;
    catalog::Link& next = version.link;
    if (link) {
        next = *link;
        next.gone.insert(next.gone.end(), link->servers.begin(), link->servers.end());
        version.gone_size_bytes = link->size_bytes;
    }
    next.path = path;
    next.size_bytes = effect.local.size_bytes;
    next.owner_uid = job.record.keyword == queue::Keyword::upload ? job.record.owner_uid : effect.local.uid;
    next.mtime = {effect.local.mtime, 9};
    next.checksum = effect.checksum;
    next.servers = {effect.copy};
    next.copies = std::max(next.copies, 1U);
    effect.recorded_copies = next.servers.size();
    if (base::is_broken(base::Break::replaced_copies_forgotten))
        next.gone.clear();
    batch.replace(next);
    if (!next.gone.empty())
        replaced.push_back(std::move(version));
}

/// Hides the local file for the second look, where it is to be taken away. Keeps the effect only for that.
void StoreWork::begin_release(Job& job, ParentDirectories& parents) {
    const StoreEffect& effect = effect_of(job);
    if (effect.kind == StoreEffect::Kind::leftover)
        return;
    const bool has_copies = effect.recorded_copies >= m_cluster->release_at_copies ||
                            base::is_broken(base::Break::released_too_early);
    if (m_cluster->keep_local == KeepLocal::yes || !has_copies) {
        job.effect.reset();
        return;
    }
    switch (m_take_away.hide(job.record.path, effect.local, parents)) {
    case TakeAway::Hiding::hidden:
        return;
    case TakeAway::Hiding::not_there:
        break;
    case TakeAway::Hiding::name_is_taken:
        job.outcome = {Result::again, "an earlier run left it half taken away"};
        break;
    }
    job.effect.reset();
}

void StoreWork::release(std::vector<Job*>& group) {
    m_catalog->ensure_in_place(); // else what was recorded 100 ms ago may be gone
    queue::Outbox outbox(*m_spool);
    ParentDirectories parents(m_files);
    for (Job* job : group) {
        try {
            finish_release(*job, parents, outbox);
        } catch (const base::Error& error) {
            leave(*job, error);
        }
    }
    outbox.commit();
    if (!base::is_broken(base::Break::removal_not_synced))
        m_take_away.sync();
    for (Job* job : group)
        job->effect.reset();
}

void StoreWork::finish_release(Job& job, ParentDirectories& parents, queue::Outbox& outbox) {
    const StoreEffect& effect = effect_of(job);
    const auto version = effect.remove_local ? std::optional(effect.local) : std::nullopt;
    const TakeAway::Ending ending = m_take_away.finish(job.record.path, version, parents);
    if (ending.how != TakeAway::Ending::How::removed && ending.status)
        // Whoever wrote to it may have ended unheard while it was hidden.
        outbox.add(queue::upload_job(ending.path, ending.status->uid, ending.status->size_bytes,
                                     ending.status->mtime),
                   queue::Priority::normal, "written to while it was taken away: looked at once more");
    if (effect.kind == StoreEffect::Kind::leftover)
        job.outcome = {Result::again, "what an earlier run left is settled"};
}

} // namespace nodespool::processor
