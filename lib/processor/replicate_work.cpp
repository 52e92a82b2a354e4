// replicate: what is to be done with a job.
#include "processor/replicate_work.hpp"

#include "base/deliberate_break.hpp"
#include "processor/copy_count.hpp"
#include "processor/leftover_copies.hpp"
#include "processor/replicate_transfer.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

std::string by_this_job(const Job& job) {
    return "by=" + *job.record.find_attribute(queue::k_job_id);
}

bool is_by_this_job(const catalog::Copy& copy, const Job& job) {
    const std::string by = by_this_job(job);
    return (" " + copy.rest + " ").find(" " + by + " ") != std::string::npos &&
           !base::is_broken(base::Break::own_copies_unknown);
}

/// Does the job speak of the version that the link file records? Empty, or why not.
std::string why_stale(const queue::JobRecord& job, const std::optional<catalog::Link>& link) {
    if (!link)
        return "no such file in the catalogue";
    if (link->size_bytes != job.size_bytes)
        return fmt::format("its link file records {} bytes, the job says {}", link->size_bytes,
                           job.size_bytes);
    if (!job.mtime.matches(link->mtime.value))
        return fmt::format("its link file records the time {}, the job says {}",
                           base::format_time(link->mtime), base::format_time(job.mtime));
    return {};
}

} // namespace

ReplicateWork::ReplicateWork(const Cluster& cluster, const queue::Spool& spool,
                             const catalog::Catalog& catalog,
                             std::optional<std::uint64_t> limit_bytes_per_second,
                             std::function<base::Stop()> stop)
    : m_cluster(&cluster),
      m_spool(&spool),
      m_catalog(&catalog),
      m_files(cluster.files, cluster.quiet, spool.clock()),
      m_limit(limit_bytes_per_second, spool.clock()),
      m_stop(std::move(stop)),
      m_sending(cluster.root, spool.clock()),
      m_marks(cluster.root) {}

std::vector<base::HeldDirectory> ReplicateWork::held_directories() const {
    std::vector<base::HeldDirectory> held = m_catalog->held_directories();
    held.push_back({m_files.fd(), m_files.path()});
    return held;
}

std::optional<std::size_t> ReplicateWork::index_of(const std::string& node) const {
    for (std::size_t i = 0; i < m_cluster->nodes.size(); ++i)
        if (m_cluster->nodes[i].name == node)
            return i;
    return std::nullopt;
}

std::size_t ReplicateWork::counted_copies(const catalog::Link& link) {
    const std::scoped_lock lock(m_marks_mutex);
    const NodeMarks& marks = m_marks.current();
    return static_cast<std::size_t>(
        std::count_if(link.servers.begin(), link.servers.end(), [&](const catalog::Copy& copy) {
            return counts_as_copy(*m_cluster, marks, copy.node);
        }));
}

/// How many copies the job still has to make.
std::size_t ReplicateWork::missing_copies(const Job& job, const catalog::Link& link) {
    if (job.record.copies) {
        const std::size_t counted =
            base::is_broken(base::Break::copies_not_counted) ? 0 : counted_copies(link);
        return *job.record.copies - std::min<std::size_t>(counted, *job.record.copies);
    }
    return std::any_of(link.servers.begin(), link.servers.end(),
                       [&](const catalog::Copy& copy) { return is_by_this_job(copy, job); })
               ? 0
               : 1;
}

/// With enough copies recorded now, is the upload itself still in the file space?
bool ReplicateWork::may_release_local_file(const catalog::Link& link) const {
    if (m_cluster->keep_local == KeepLocal::yes || m_cluster->release_at_copies <= 1 ||
        reachable_copies(*m_cluster, link) < m_cluster->release_at_copies)
        return false;
    const FileSpace::Found found = m_files.look(link.path);
    return found.status && link.records(found.status->size_bytes, found.status->mtime);
}

void ReplicateWork::set_need(Job& job, const catalog::Link& link, std::size_t missing) const {
    Need need;
    need.barred.resize(m_cluster->nodes.size());
    need.sources.resize(m_cluster->nodes.size());
    for (const catalog::Copy& copy : link.servers)
        if (const auto index = index_of(copy.node)) {
            need.barred[*index] = true;
            need.sources[*index] = true;
        }
    need.targets = static_cast<unsigned>(std::min(missing, m_cluster->nodes.size()));
    job.need = std::move(need);
}

/// Is there a node that the job's list allows and that has no copy?
bool ReplicateWork::has_room_for(const Job& job) const {
    for (std::size_t i = 0; i < m_cluster->nodes.size(); ++i)
        if (!job.need.barred[i] && job.record.nodes.allows(m_cluster->nodes[i].name))
            return true;
    return false;
}

Assessment ReplicateWork::assess(Job& job) {
    const auto ended = [](Result result, const std::string& why) {
        return Assessment{Verdict::ended, {result, why}};
    };
    queue::give_job_id(job.record, job.file ? job.file->claimed->line_id(job.line) : "dry-run");
    const std::optional<catalog::Link> link = m_catalog->read(job.record.path);
    if (const std::string why = why_stale(job.record, link); !why.empty())
        return ended(Result::stale, why);
    const std::size_t missing = missing_copies(job, *link);
    if (missing == 0) {
        if (may_release_local_file(*link))
            return {
                Verdict::here, {Result::already_done, "it has its copies: the local file may go"}, "release"};
        return ended(job.has_done ? Result::done : Result::already_done,
                     job.record.copies ? fmt::format("it has {} copies", link->servers.size())
                                       : "this job has made its copy");
    }
    set_need(job, *link, missing);
    if (!has_room_for(job))
        return ended(Result::resubmitted, "every node that it may use has a copy already");
    const std::vector<bool>& sources = job.need.sources;
    if (std::find(sources.begin(), sources.end(), true) == sources.end())
        return ended(Result::resubmitted, "no copy is left that it could be made from");
    return {Verdict::on_a_node, {}};
}

void ReplicateWork::act(Job& job, HeldNodes* nodes) {
    std::optional<catalog::Link> link = m_catalog->read(job.record.path);
    if (const std::string why = why_stale(job.record, link); !why.empty()) {
        job.outcome = {Result::stale, why};
        return;
    }
    auto effect = std::make_unique<ReplicateEffect>();
    effect->link = std::move(*link);
    if (nodes == nullptr) {
        job.outcome = {Result::already_done, "it has its copies"};
        job.effect = std::move(effect);
        return;
    }
    if (!nodes->has_source()) {
        job.outcome = {Result::resubmitted, "no copy can be read now: " + job.last_error};
        return;
    }
    const base::MonotonicTime start = m_spool->clock().monotonic();
    const std::string by = job.record.copies ? std::string() : by_this_job(job);
    switch (ReplicateTransfer({m_sending, m_limit, m_stop, m_spool->clock()}, *nodes, *effect, by).run()) {
    case ReplicateTransfer::Ending::interrupted:
        job.outcome = {Result::left, "stopped"}; // its entries stay open: the next run settles them
        return;
    case ReplicateTransfer::Ending::source_lost:
    case ReplicateTransfer::Ending::complete:
        if (effect->sent.empty()) {
            job.outcome = {Result::again, job.last_error};
            return;
        }
        break;
    }
    job.outcome = {Result::done, {}};
    for (const ReplicateEffect::Sent& sent : effect->sent) {
        job.outcome.node += (job.outcome.node.empty() ? "" : ",") + sent.copy.node;
        job.outcome.name += (job.outcome.name.empty() ? "" : ",") + sent.copy.name;
        job.outcome.bytes += effect->link.size_bytes;
    }
    job.outcome.seconds = std::chrono::duration<double>(m_spool->clock().monotonic() - start).count();
    job.effect = std::move(effect);
}

void ReplicateWork::clean_up() {
    m_catalog->clear_abandoned();
    settle_leftover_copies(m_cluster->root, m_cluster->nodes, *m_catalog, *m_spool, m_sending,
                           [this] { return m_stop() == base::Stop::now; });
}

} // namespace nodespool::processor
