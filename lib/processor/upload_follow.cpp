// Following the file space.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/tree_watch.hpp"
#include "processor/uploads.hpp"

#include <fmt/format.h>

#include <algorithm>
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
        UploadQueue uploads(*m_files, *m_spool);
        scan_uploads(*m_cluster, *m_files, *m_spool, &uploads, listener);
        m_listener->queued(uploads.commit());
        m_next_scan.reset();
        // They may have been closed before they were watched.
        if (some_unrested)
            scan_within(m_files->quiet() + std::chrono::seconds(1));
        if (m_watch.unwatched() > 0)
            scan_within(k_rescan);
    }

    void queue_pending() {
        UploadQueue uploads(*m_files, *m_spool);
        for (const std::string& path : m_pending) {
            try {
                uploads.add(path);
            } catch (const NoUpload& error) {
                if (!error.is_missing())
                    m_listener->refused(error);
            }
        }
        QueuedUploads queued = uploads.commit();
        m_pending.clear();
        m_next_try = now() + k_between_groups;
        m_listener->queued(queued);
    }

    void hear() {
        base::MonotonicTime until = now() + k_longest_wait;
        if (m_next_scan)
            until = std::min(until, *m_next_scan);
        if (!m_pending.empty())
            until = std::min(until, m_next_try);
        const auto longest = std::chrono::ceil<std::chrono::milliseconds>(
            std::max(until - now(), base::MonotonicTime::duration::zero()));
        const std::size_t unwatched = m_watch.unwatched();
        base::TreeWatch::News news = m_watch.wait(longest);
        for (std::string& path : news.files)
            m_pending.insert(std::move(path));
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
                      fmt::format("{} directories cannot be watched (no permission, or more than sysctl "
                                  "fs.inotify.max_user_watches allows): they are scanned every {} s",
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
