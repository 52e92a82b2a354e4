// store: what is to be done with a job, and the transfer itself.
#include "processor/store_work.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "processor/copy_name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

constexpr const char* k_compare = "compare"; ///< what it is that needs no node

/// Is the file the one that the job speaks of? Empty, or why not.
std::string why_stale(const queue::JobRecord& job, const base::FileStatus& status) {
    if (base::is_broken(base::Break::stale_job_run))
        return {};
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
      m_take_away(m_files),
      m_hidden(m_files) {}

std::vector<base::HeldDirectory> StoreWork::held_directories() const {
    std::vector<base::HeldDirectory> held = m_catalog->held_directories();
    held.push_back({m_files.fd(), m_files.path()});
    return held;
}

Assessment StoreWork::assess(Job& job) {
    const std::string& path = job.record.path;
    const FileSpace::Found found = m_files.look(path);
    const std::string why = found.status ? why_stale(job.record, *found.status) : found.why_not;
    const std::optional<catalog::Link> link = why.empty() ? m_catalog->read(path) : std::nullopt;
    // Where a file is hidden there is a link file, and most jobs are for new paths. (One that is hidden
    // without it is found when this one is to be hidden, and then the job is looked at again.)
    const bool is_new = why.empty() && !link && job.looks == 0;
    // One that comes back to be looked at anew may have met one that was hidden since.
    const bool may_be_hidden = !is_new && (job.looks > 0 || m_hidden.may_have(path, job.file));
    if (may_be_hidden && m_take_away.leftover(path))
        return {Verdict::here, ended(Result::again, "an earlier run left it half taken away"), k_compare};
    if (found.not_allowed)
        return {Verdict::ended, ended(Result::resubmitted, found.why_not)};
    if (!found.status)
        return assess_missing(job, found);
    if (!why.empty())
        return {Verdict::ended, ended(Result::stale, why)};
    return assess_version(job, *found.status, link);
}

/// The file is there as the job says.
Assessment StoreWork::assess_version(const Job& job, const base::FileStatus& status,
                                     const std::optional<catalog::Link>& link) const {
    if (!link)
        if (const std::string obstacle = m_catalog->obstacle(job.record.path); !obstacle.empty())
            return {Verdict::ended, ended(Result::resubmitted, obstacle)};
    const bool is_recorded = link && link->records(status.size_bytes, status.mtime) &&
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

/// One upload on its way: the open file, and the copy that its sending log speaks of.
class StoreWork::Transfer final : public Errand {
  public:
    Transfer(StoreWork& work, const Job& job, FileSpace::Opened opened, std::unique_ptr<StoreEffect> effect)
        : m_work(&work),
          m_path(job.record.path),
          m_opened(std::move(opened)),
          m_effect(std::move(effect)),
          m_source(m_opened.fd.get(), m_effect->local.size_bytes, m_path, work.m_cluster->checksum,
                   work.m_limit, work.m_stop),
          m_start(work.m_spool->clock().monotonic()) {
        request.kind = node::Request::Kind::put;
        request.name = m_effect->copy.name;
        request.source = &m_source;
    }

    void arrived(Job& job) override {
        m_effect->checksum = m_source.checksum();
        const base::FileStatus after = base::status_of(m_opened.fd.get(), m_path);
        if (!after.is_same_version(m_effect->local) ||
            base::writers_of(m_opened.fd.get()) == base::Writers::some)
            throw FileChanged{};
        job.outcome = ended(Result::done, {});
        job.outcome.node = m_effect->copy.node;
        job.outcome.name = m_effect->copy.name;
        job.outcome.bytes = m_effect->local.size_bytes;
        job.outcome.seconds = seconds_since(m_work->m_spool->clock(), m_start);
        job.effect = std::move(m_effect);
    }

    bool take_back(node::Session* session, Reach reach) override {
        const SendingLog::Entry entry = m_effect->entry;
        if (reach == Reach::connecting && !m_source.has_begun())
            m_work->m_sending.settle(entry); // nothing of it ever got there
        else if (session != nullptr)
            return discard_copy(*session, m_effect->copy.name, m_work->m_sending, entry);
        return true; // where the entry stays open, clean_up() settles it
    }

    [[nodiscard]] Outcome file_changed() const override {
        return m_work->later("the file changed while it was read");
    }

  private:
    StoreWork* m_work;
    std::string m_path;
    FileSpace::Opened m_opened;
    std::unique_ptr<StoreEffect> m_effect;
    UploadSource m_source;
    base::MonotonicTime m_start;
};

std::unique_ptr<Errand> StoreWork::begin(Job& job, const std::string& node) {
    std::optional<FileSpace::Opened> opened = open_resting(job);
    if (!opened)
        return nullptr;
    auto effect = std::make_unique<StoreEffect>();
    effect->local = *opened->found.status;
    effect->copy = {node, copy_name(job.record.path, m_spool->clock().now(), base::random_64_bits()), {}};
    effect->entry = m_sending.note(
        {node, effect->copy.name, job.record.path, effect->local.size_bytes, effect->local.mtime});
    return std::make_unique<Transfer>(*this, job, std::move(*opened), std::move(effect));
}

void StoreWork::act(Job& job, HeldNodes*) {
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
    return source.checksum() == checksum || base::is_broken(base::Break::content_not_compared);
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
