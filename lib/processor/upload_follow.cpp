// Following the file space.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/tree_watch.hpp"
#include "processor/later_looks.hpp"
#include "processor/uploads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace nodespool::processor {

namespace {

/// So long may it go unseen that the file space is gone.
constexpr std::chrono::seconds k_longest_wait{10};
/// Directories that cannot be watched are looked at so often.
constexpr std::chrono::seconds k_rescan{60};
/// A sync takes as long for many uploads as for one: what comes in so soon after a group goes into the next.
constexpr std::chrono::milliseconds k_between_groups{5};
constexpr std::chrono::seconds k_first_retry{1};
constexpr std::chrono::seconds k_longest_retry{60};
/// A new name is looked at so much later. By then most uploads are closed, and need no look; and none is
/// between its creation and its opening, when nobody seems to write to it, and our own look, which takes a
/// lease for a moment, would make a server fail that opens without waiting (vsftpd).
constexpr std::chrono::seconds k_until_opened{1};

class Follow {
  public:
    Follow(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool, base::StopSignal& stop,
           const FollowListener& listener)
        : m_cluster(&cluster),
          m_files(&files),
          m_spool(&spool),
          m_stop(&stop),
          m_listener(&listener),
          m_root(cluster.root),
          m_watch(files.path(), [this](const std::string& path) { return is_uploads(path); }) {
        m_stop->tell([this] { m_watch.wake(); });
    }
    Follow(const Follow&) = delete;
    Follow& operator=(const Follow&) = delete;
    ~Follow() { m_stop->tell({}); }

    void run() {
        m_next_scan = now();
        warn_of_unwatched();
        while (m_stop->state() == base::Stop::no) {
            if (m_next_scan && *m_next_scan <= now())
                attempt([this] { scan(); });
            look_at_new_names();
            for (const std::string& path : m_again.take_due(now()))
                m_pending.insert(path);
            if (!m_pending.empty() && m_next_try <= now())
                attempt([this] { queue_pending(); });
            hear();
        }
    }

  private:
    [[nodiscard]] base::MonotonicTime now() const { return m_files->clock().monotonic(); }

    void scan_within(std::chrono::seconds delay) {
        const base::MonotonicTime due = now() + delay;
        m_next_scan = m_next_scan ? std::min(*m_next_scan, due) : due;
    }

    /// What the cluster server refuses now is tried again, less and less often.
    template <typename Step>
    void attempt(Step step) {
        try {
            step();
            m_retry_delay = k_first_retry;
        } catch (const base::CannotLock&) {
            throw;
        } catch (const base::Replaced&) {
            throw;
        } catch (const base::Error& error) {
            m_listener->trouble(error);
            m_next_try = now() + m_retry_delay;
            if (m_next_scan)
                m_next_scan = std::max(*m_next_scan, m_next_try);
            m_retry_delay = std::min(m_retry_delay * 2, k_longest_retry);
        }
    }

    void scan() {
        bool some_unrested = false;
        ScanListener listener = m_listener->scan;
        listener.skipped = [&](const std::string& path, Skipped why) {
            some_unrested = some_unrested || why == Skipped::being_written;
            m_listener->scan.skipped(path, why);
        };
        std::map<std::string, std::string> failed;
        listener.failed = [&](const std::string& path, const base::Error& error) {
            const auto told = m_told_by_scan.find(path);
            if (told == m_told_by_scan.end() || told->second != error.what())
                m_listener->trouble(error);
            failed.emplace(path, error.what());
        };
        UploadQueue uploads(*m_files, *m_spool);
        scan_uploads(*m_cluster, *m_files, *m_spool, &uploads, listener);
        m_told_by_scan = std::move(failed);
        commit(uploads);
        m_next_scan.reset();
        if (m_told_by_scan.empty()) {
            m_rescan_delay = k_first_retry;
        } else {
            scan_within(m_rescan_delay);
            m_rescan_delay = std::min(m_rescan_delay * 2, k_longest_retry);
        }
        // They may have been closed before they were watched.
        if (some_unrested)
            scan_within(until_quiet());
        if (m_watch.unwatched() > 0)
            scan_within(k_rescan);
    }

    void queue_pending() {
        UploadQueue uploads(*m_files, *m_spool);
        for (const std::string& path : m_pending)
            add(path, uploads);
        commit(uploads);
        m_pending.clear();
        m_next_try = now() + k_between_groups;
    }

    void add(const std::string& path, UploadQueue& uploads) {
        try {
            uploads.add(path);
        } catch (const NoUpload& error) {
            if (error.why() == NoUpload::Why::being_written)
                m_again.add(path, now() + until_quiet());
            else if (error.why() != NoUpload::Why::missing)
                m_listener->refused(error);
            m_troubles.erase(path);
        } catch (const base::Error& error) {
            if (!concerns_one_file(error))
                throw;
            try_again(path, error);
        }
    }

    /// Of one upload, less and less often; told of once.
    void try_again(const std::string& path, const base::Error& error) {
        Trouble& trouble = m_troubles[path];
        if (std::exchange(trouble.what, error.what()) != error.what())
            m_listener->trouble(error);
        m_again.add(path, now() + trouble.delay);
        trouble.delay = std::min(trouble.delay * 2, k_longest_retry);
    }

    void commit(UploadQueue& uploads) {
        // What is queued in a spool that was replaced is found by nobody.
        const base::HeldDirectory spool{m_spool->fd(), m_spool->path()};
        base::ensure_in_place(spool);
        QueuedUploads queued = uploads.commit();
        base::ensure_in_place(spool);
        for (const Upload& upload : queued.uploads)
            m_troubles.erase(upload.path);
        for (const QueuedUploads::Failed& postponed : std::exchange(queued.postponed, {}))
            try_again(postponed.path, postponed.error);
        m_listener->queued(queued);
    }

    [[nodiscard]] std::chrono::seconds until_quiet() const {
        return m_files->quiet() + std::chrono::seconds(1);
    }

    void look_at_new_names() {
        for (const std::string& path : m_new_names.take_due(now())) {
            try {
                look_at_new_name(path);
            } catch (const base::Error&) {
                m_pending.insert(path); // and so it is told of, and tried again
            }
        }
    }

    /// A link to a finished file is an upload (an SFTP server's rename). An ordinary one has its writer, and
    /// is heard of when that one closes it.
    void look_at_new_name(const std::string& path) {
        if (!m_files->look(path).status) // a FIFO is not to be opened
            return;
        const FileSpace::Opened opened = m_files->open(path);
        if (opened.found.not_allowed)
            m_pending.insert(path); // to be told of
        if (!opened.found.status ||
            (opened.fd.is_open() && base::writers_of(opened.fd.get()) == base::Writers::some))
            return;
        if (m_files->rest_of(opened.fd.get(), *opened.found.status) == Rest::quiet)
            m_pending.insert(path);
        else // where the kernel cannot tell
            m_new_names.add(path, now() + until_quiet());
    }

    void hear() {
        base::MonotonicTime until = now() + k_longest_wait;
        if (m_next_scan)
            until = std::min(until, *m_next_scan);
        if (!m_pending.empty())
            until = std::min(until, m_next_try);
        for (const std::optional<base::MonotonicTime> due : {m_new_names.next(), m_again.next()})
            until = std::min(until, due.value_or(until));
        const auto longest = std::chrono::ceil<std::chrono::milliseconds>(
            std::max(until - now(), base::MonotonicTime::duration::zero()));
        const std::size_t unwatched = m_watch.unwatched();
        base::TreeWatch::News news = m_watch.wait(longest);
        for (const std::string& path : news.names)
            m_new_names.add(path, now() + k_until_opened);
        for (std::string& path : news.files) {
            m_new_names.forget(path);
            m_pending.insert(std::move(path));
        }
        if (!news.is_complete) {
            base::log(base::LogLevel::warning,
                      "the kernel lost count of the uploads: the file space is scanned");
            scan_within(std::chrono::seconds(0));
        }
        if (m_watch.unwatched() > unwatched) {
            warn_of_unwatched();
            scan_within(k_rescan);
        }
    }

    void warn_of_unwatched() const {
        if (m_watch.unwatched() > 0)
            base::log(base::LogLevel::warning,
                      fmt::format("{} directories cannot be watched (no permission, an error of the disk, or "
                                  "more than sysctl fs.inotify.max_user_watches allows): they are scanned "
                                  "every {} s",
                                  m_watch.unwatched(), k_rescan.count()));
    }

    /// Not the cluster's own directories, nor what a run hides.
    [[nodiscard]] bool is_uploads(const std::string& path) const {
        return base::why_not_a_cluster_path(path).empty() && m_files->path() + "/" + path != m_root;
    }

    const Cluster* m_cluster;
    const FileSpace* m_files;
    const queue::Spool* m_spool;
    base::StopSignal* m_stop;
    const FollowListener* m_listener;
    std::string m_root;
    base::TreeWatch m_watch;
    std::set<std::string> m_pending; ///< heard of, not queued yet
    LaterLooks m_new_names;          ///< perhaps links to finished files
    LaterLooks m_again;              ///< could not be opened
    struct Trouble {
        std::string what; ///< as it was told of
        std::chrono::seconds delay = k_first_retry;
    };
    std::map<std::string, Trouble> m_troubles;         ///< by path
    std::map<std::string, std::string> m_told_by_scan; ///< by path, of the last one
    std::chrono::seconds m_rescan_delay = k_first_retry;
    std::optional<base::MonotonicTime> m_next_scan;
    base::MonotonicTime m_next_try{};
    std::chrono::seconds m_retry_delay = k_first_retry;
};

} // namespace

void follow_uploads(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool,
                    base::StopSignal& stop, const FollowListener& listener) {
    Follow(cluster, files, spool, stop, listener).run();
}

} // namespace nodespool::processor
