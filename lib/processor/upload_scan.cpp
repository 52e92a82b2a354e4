// The scan for uploads whose event was lost.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/stable_hash.hpp"
#include "catalog/catalog.hpp"
#include "processor/uploads.hpp"
#include "queue/survey.hpp"

#include <fcntl.h>

#include <algorithm>
#include <unordered_map>

namespace nodespool::processor {

namespace {

/// The `upload` and `store` jobs that stand in the queue, by a hash of path and size: a few words each, so
/// that a queue of a million jobs fits.
class QueuedVersions {
  public:
    explicit QueuedVersions(const queue::Spool& spool) {
        queue::survey(spool, [&](const queue::SurveyedJob& seen) {
            const bool waits = seen.job && seen.state != queue::JobState::rejected;
            if (waits &&
                (seen.job->keyword == queue::Keyword::upload || seen.job->keyword == queue::Keyword::store))
                m_versions.emplace(key(seen.job->path, seen.job->size_bytes),
                                   Version{seen.job->mtime, seen.job->keyword});
        });
    }

    [[nodiscard]] bool contains(const std::string& path, const base::FileStatus& status) const {
        const auto [first, last] = m_versions.equal_range(key(path, status.size_bytes));
        return std::any_of(first, last, [&](const auto& entry) {
            const Version& version = entry.second;
            return version.keyword == queue::Keyword::upload ? version.mtime.matches_or_after(status.mtime)
                                                             : version.mtime.matches(status.mtime);
        });
    }

  private:
    struct Version {
        base::WrittenTime mtime;
        queue::Keyword keyword;
    };
    static std::uint64_t key(const std::string& path, std::uint64_t size) {
        return base::stable_hash(path) * 31 + size;
    }
    std::unordered_multimap<std::uint64_t, Version> m_versions;
};

class Scan {
  public:
    Scan(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool, UploadQueue* into,
         const ScanListener& listener)
        : m_cluster(&cluster),
          m_files(&files),
          m_into(into),
          m_listener(&listener),
          m_catalog(catalog::Catalog::open_existing(cluster.root)),
          m_queued(spool),
          m_unsynced(cluster.root),
          m_root(base::status_at(base::k_cwd, cluster.root)) {}

    void run() {
        m_directories.emplace_back();
        while (!m_directories.empty()) {
            const std::string directory = std::move(m_directories.back());
            m_directories.pop_back();
            if (directory.empty()) // without it there is nothing to scan
                look_into(directory);
            else
                apart(directory, [&] { look_into(directory); });
        }
    }

  private:
    /// What cannot be looked at holds up nothing else.
    template <typename Look>
    void apart(const std::string& path, Look look) const {
        try {
            look();
        } catch (const base::Error& error) {
            if (!concerns_one_file(error))
                throw;
            m_listener->failed(path, error);
        }
    }

    void look_into(const std::string& directory) {
        const base::BeneathResult opened =
            base::open_beneath(m_files->fd(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
        if (!opened.fd.is_open()) {
            if (opened.why == base::NotOpened::not_allowed)
                m_listener->skipped(directory, Skipped::unreadable);
            return;
        }
        const base::FileStatus status = base::status_of(opened.fd.get(), directory);
        if (!directory.empty() && m_root && status.is_same_file(*m_root))
            return; // the cluster's own directory lies inside its file space
        std::vector<std::string> names;
        base::for_each_entry(opened.fd.get(), directory, [&](const std::string& name) {
            names.push_back(name);
            return true;
        });
        std::sort(names.begin(), names.end());
        for (const std::string& name : names) {
            const std::string path = directory.empty() ? name : directory + "/" + name;
            apart(path, [&] { look_at(directory, name, path); });
        }
    }

    void look_at(const std::string& directory, const std::string& name, const std::string& path) {
        if (name.starts_with(k_hidden_prefix)) {
            look_at_hidden(directory, path);
            return;
        }
        if (!base::why_not_a_cluster_path(path).empty())
            return;
        const base::BeneathResult found = base::find_beneath(m_files->fd(), path);
        if (!found.fd.is_open())
            return;
        const base::FileStatus status = base::status_of(found.fd.get(), path);
        if (status.type == base::FileType::directory)
            m_directories.push_back(path);
        else if (status.type == base::FileType::regular)
            look_at_file(path, status);
    }

    void look_at_file(const std::string& path, const base::FileStatus& status) {
        if (m_queued.contains(path, status))
            m_listener->skipped(path, Skipped::queued);
        else if (is_stored(path, status))
            m_listener->skipped(path, Skipped::stored);
        else if (m_unsynced.contains(status))
            m_listener->skipped(path, Skipped::unsynced);
        else if (!is_quiet(path, status))
            m_listener->skipped(path, Skipped::being_written);
        else
            queue(path, status);
    }

    /// A recorded file that is to be taken away is no finished business: store compares its content and takes
    /// it.
    [[nodiscard]] bool is_stored(const std::string& path, const base::FileStatus& status) const {
        try {
            const auto link = m_catalog.read(path);
            return link && link->records(status.size_bytes, status.mtime) && !link->servers.empty() &&
                   (m_cluster->keep_local == KeepLocal::yes ||
                    link->servers.size() < m_cluster->release_at_copies);
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what()); // store says the same of the job, and keeps it
            return false;
        }
    }

    /// Nobody writes to it, and it has rested: a transfer that was broken off may be resumed at once.
    [[nodiscard]] bool is_quiet(const std::string& path, const base::FileStatus& status) const {
        if (status.rested_s(m_files->clock().now()) < static_cast<double>(m_files->quiet().count()))
            return false;
        const FileSpace::Opened opened = m_files->open(path);
        return !opened.found.status || m_files->rest_of(opened.fd.get(), status) == Rest::quiet;
    }

    void queue(const std::string& path, const base::FileStatus& status) {
        try {
            if (m_into != nullptr)
                m_into->add(path);
        } catch (const NoUpload& error) {
            if (error.why() == NoUpload::Why::being_written)
                m_listener->skipped(path, Skipped::being_written);
            else if (error.why() != NoUpload::Why::missing)
                m_listener->skipped(path, Skipped::unreadable);
            return;
        }
        m_listener->found({path, status});
    }

    /// A run that died between hiding a file and unlinking it left this. Its own job line still stands,
    /// unless somebody took the line away: then a new job makes store look at it.
    void look_at_hidden(const std::string& directory, const std::string& hidden_path) {
        const FileSpace::Found found = m_files->look(hidden_path);
        if (!found.status || !is_quiet(hidden_path, *found.status))
            return;
        const std::string owner = owner_of(directory, hidden_path);
        if (owner.empty()) {
            m_listener->skipped(hidden_path, Skipped::unclaimed);
            return;
        }
        if (m_queued.contains(owner, *found.status))
            return;
        if (m_into != nullptr)
            m_into->add_leftover(owner, *found.status);
        m_listener->found({owner, *found.status});
    }

    /// The file that was hidden under this name: its link file stands in the same directory of the catalogue.
    [[nodiscard]] std::string owner_of(const std::string& directory, const std::string& hidden_path) const {
        std::string owner;
        const auto links =
            base::try_open_at(base::k_cwd, m_catalog.path() + "/" + directory, O_RDONLY | O_DIRECTORY);
        if (links)
            base::for_each_entry(links->get(), directory, [&](const std::string& name) {
                const std::string path = directory.empty() ? name : directory + "/" + name;
                if (hidden_name(path) == base::name_of(hidden_path))
                    owner = path;
                return owner.empty();
            });
        return owner;
    }

    const Cluster* m_cluster;
    const FileSpace* m_files;
    UploadQueue* m_into;
    const ScanListener* m_listener;
    catalog::Catalog m_catalog;
    QueuedVersions m_queued;
    UnsyncedUploads m_unsynced;
    std::optional<base::FileStatus> m_root;
    std::vector<std::string> m_directories;
};

} // namespace

void scan_uploads(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool,
                  UploadQueue* into, const ScanListener& listener) {
    Scan(cluster, files, spool, into, listener).run();
}

} // namespace nodespool::processor
