// store: what is to be done with a job, and the transfer itself.
#include "processor/store_work.hpp"

#include "base/log.hpp"
#include "base/path_name.hpp"
#include "processor/copy_name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

/// Is the file the one that the job speaks of? Empty, or why not.
std::string why_stale(const queue::JobRecord& job, const base::FileStatus& status) {
    if (status.size_bytes != job.size_bytes)
        return fmt::format("the file has {} bytes, the job says {}", status.size_bytes, job.size_bytes);
    // An upload's client may have set an earlier time after the hook ran (MFMT, lftp mirror).
    const bool fits = job.keyword == queue::Keyword::upload ? job.mtime.matches_or_after(status.mtime)
                                                            : job.mtime.matches(status.mtime);
    return fits ? std::string()
                : fmt::format("the file's time is {}, the job says {}", base::format_time(status.mtime),
                              base::format_time(job.mtime));
}

Outcome ended(Result result, const std::string& reason) {
    return {result, reason};
}

double seconds_since(const base::Clock& clock, base::MonotonicTime start) {
    return std::chrono::duration<double>(clock.monotonic() - start).count();
}

} // namespace

StoreWork::StoreWork(const Cluster& cluster, const queue::Spool& spool, const catalog::Catalog& catalog,
                     std::optional<std::uint64_t> limit_bytes_per_second, std::function<base::Stop()> stop)
    : m_cluster(&cluster),
      m_spool(&spool),
      m_catalog(&catalog),
      m_files(cluster.files, cluster.quiet, spool.clock()),
      m_limit(limit_bytes_per_second, spool.clock()),
      m_stop(std::move(stop)),
      m_sending(cluster.root, spool.clock()),
      m_take_away(m_files) {}

Assessment StoreWork::assess(Job& job) {
    const std::string& path = job.record.path;
    constexpr const char* k_compare = "compare";
    if (m_take_away.leftover(path))
        return {Verdict::here, ended(Result::again, "an earlier run left it half taken away"), k_compare};
    const FileSpace::Found found = m_files.look(path);
    if (found.not_allowed)
        return {Verdict::ended, ended(Result::resubmitted, found.why_not)};
    if (!found.status)
        return assess_missing(job, found);
    if (const std::string why = why_stale(job.record, *found.status); !why.empty())
        return {Verdict::ended, ended(Result::stale, why)};
    const std::optional<catalog::Link> link = m_catalog->read(path);
    if (!link)
        if (const std::string obstacle = m_catalog->obstacle(path); !obstacle.empty())
            return {Verdict::ended, ended(Result::resubmitted, obstacle)};
    const bool is_recorded = link && link->records(found.status->size_bytes, found.status->mtime) &&
                             !link->servers.empty() && base::kind_of_checksum(link->checksum);
    if (!is_recorded || job.send_anyway)
        return {Verdict::on_a_node, {}};
    return {Verdict::here,
            ended(Result::already_done,
                  "its link file records this version: content is compared, then the local file is released"),
            k_compare};
}

/// No file: a run that was cut short after it took the file away leaves this, and so does an upload that was
/// deleted.
Assessment StoreWork::assess_missing(const Job& job, const FileSpace::Found& found) const {
    if (found.missing) {
        const std::optional<catalog::Link> link = m_catalog->read(job.record.path);
        const bool fits = link && link->size_bytes == job.record.size_bytes &&
                          (job.record.keyword == queue::Keyword::upload
                               ? job.record.mtime.matches_or_after(link->mtime.value)
                               : job.record.mtime.matches(link->mtime.value));
        if (fits)
            return {Verdict::ended, ended(Result::already_done, "recorded, and the local file is gone")};
    }
    return {Verdict::ended, ended(Result::stale, found.why_not)};
}

Outcome StoreWork::later(const std::string& why) const {
    Outcome outcome(Result::resubmitted, why);
    outcome.delay_s = std::max<double>(1, static_cast<double>(m_cluster->quiet.count()));
    return outcome;
}

/// Opens the file where it is still the job's and nobody writes to it; else sets the outcome.
std::optional<FileSpace::Opened> StoreWork::open_resting(Job& job) const {
    FileSpace::Opened opened = m_files.open(job.record.path);
    if (opened.found.not_allowed)
        job.outcome = ended(Result::resubmitted, opened.found.why_not);
    else if (!opened.found.status)
        job.outcome = ended(Result::again, opened.found.why_not);
    else if (const std::string why = why_stale(job.record, *opened.found.status); !why.empty())
        job.outcome = ended(Result::stale, why);
    else if (m_files.rest_of(opened.fd.get(), *opened.found.status) == Rest::being_written)
        job.outcome = later("the file is still being written");
    else
        return opened;
    return std::nullopt;
}

void StoreWork::act(Job& job, HeldNodes* nodes) {
    if (nodes == nullptr)
        act_here(job);
    else
        act_on_node(job, *nodes);
}

void StoreWork::act_on_node(Job& job, HeldNodes& nodes) {
    const std::optional<FileSpace::Opened> opened = open_resting(job);
    if (!opened)
        return;
    const std::string& node_name = nodes.target_name(0);
    node::Session& session = nodes.target(0);
    auto effect = std::make_unique<StoreEffect>();
    effect->local = *opened->found.status;
    effect->copy = {
        node_name, copy_name(job.record.path, m_spool->clock().now(), base::random_64_bits()), {}};
    effect->entry = m_sending.note(
        {node_name, effect->copy.name, job.record.path, effect->local.size_bytes, effect->local.mtime});
    const base::MonotonicTime start = m_spool->clock().monotonic();
    try {
        send(job, session, *opened, *effect);
    } catch (const FileChanged&) {
        discard_copy(session, effect->copy.name, m_sending, effect->entry);
        job.outcome = later("the file changed while it was read");
        return;
    } catch (const Interrupted&) {
        job.outcome = ended(Result::left, "stopped"); // its entry stays open: the next run settles it
        return;
    }
    job.outcome = ended(Result::done, {});
    job.outcome.node = node_name;
    job.outcome.name = effect->copy.name;
    job.outcome.bytes = effect->local.size_bytes;
    job.outcome.seconds = seconds_since(m_spool->clock(), start);
    job.effect = std::move(effect);
}

void StoreWork::send(Job& job, node::Session& session, const FileSpace::Opened& opened, StoreEffect& effect) {
    const std::string& path = job.record.path;
    UploadSource source(opened.fd.get(), effect.local.size_bytes, path, m_cluster->checksum, m_limit, m_stop);
    try {
        session.put(effect.copy.name, source);
    } catch (const node::NodeError& error) {
        if (error.failure() == node::Failure::node_down && !source.has_begun())
            m_sending.settle(effect.entry); // it never got there
        else
            discard_copy(session, effect.copy.name, m_sending, effect.entry);
        throw;
    }
    effect.checksum = source.checksum();
    const base::FileStatus after = base::status_of(opened.fd.get(), path);
    if (!after.is_same_version(effect.local) || base::writers_of(opened.fd.get()) == base::Writers::some)
        throw FileChanged{};
}

void StoreWork::act_here(Job& job) {
    const std::optional<catalog::Link> link = m_catalog->read(job.record.path);
    if (m_take_away.leftover(job.record.path))
        verify_leftover(job, link ? &*link : nullptr);
    else if (link)
        verify_recorded(job, *link);
    else
        job.outcome = ended(Result::again, "its link file is gone");
}

bool StoreWork::has_content(int fd, std::uint64_t size_bytes, const std::string& path,
                            const std::string& checksum) {
    const auto kind = base::kind_of_checksum(checksum);
    if (!kind)
        return false;
    UploadSource source(fd, size_bytes, path, *kind, m_limit, m_stop);
    std::string block(262144, '\0');
    while (source.read(block) > 0) {
    }
    return source.checksum() == checksum;
}

/// A file that an earlier run hid goes away only where it is what the link file records; else it goes back.
void StoreWork::verify_leftover(Job& job, const catalog::Link* link) {
    const base::Fd fd = m_take_away.open_leftover(job.record.path);
    if (!fd.is_open()) {
        job.outcome = ended(Result::again, "another run settled what was left here");
        return;
    }
    auto effect = std::make_unique<StoreEffect>();
    effect->kind = StoreEffect::Kind::leftover;
    effect->local = base::status_of(fd.get(), job.record.path);
    try {
        const bool same_version = link != nullptr && !link->servers.empty() &&
                                  link->records(effect->local.size_bytes, effect->local.mtime);
        effect->remove_local =
            same_version && (link->checksum.empty() || has_content(fd.get(), effect->local.size_bytes,
                                                                   job.record.path, link->checksum));
    } catch (const FileChanged&) {
        effect->remove_local = false;
    } catch (const Interrupted&) {
        job.outcome = ended(Result::left, "stopped");
        return;
    }
    job.effect = std::move(effect);
}

/// The link file records a version of this size and time: is it this content?
void StoreWork::verify_recorded(Job& job, const catalog::Link& link) {
    const std::optional<FileSpace::Opened> opened = open_resting(job);
    if (!opened)
        return;
    const base::FileStatus& status = *opened->found.status;
    try {
        if (!link.records(status.size_bytes, status.mtime) ||
            !has_content(opened->fd.get(), status.size_bytes, job.record.path, link.checksum)) {
            job.send_anyway = true;
            job.outcome = ended(Result::again, "the content differs from what is recorded");
            return;
        }
    } catch (const FileChanged&) {
        job.outcome = later("the file changed while it was read");
        return;
    } catch (const Interrupted&) {
        job.outcome = ended(Result::left, "stopped");
        return;
    }
    auto effect = std::make_unique<StoreEffect>();
    effect->kind = StoreEffect::Kind::recorded;
    effect->local = status;
    effect->checksum = link.checksum;
    job.outcome = ended(Result::already_done, "recorded with this content");
    job.effect = std::move(effect);
}

void StoreWork::clean_up() {
    m_catalog->clear_abandoned();
    settle_leftover_copies(m_cluster->root, m_cluster->nodes, *m_catalog, *m_spool, m_sending,
                           [this] { return m_stop() == base::Stop::now; });
}

} // namespace nodespool::processor
