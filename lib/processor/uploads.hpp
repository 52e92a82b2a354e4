// From uploads to jobs: what the upload hook does for one file, what its scan does for those whose event was
// lost, and what it does where it follows the file space itself.
#pragma once

#include "base/error.hpp"
#include "base/stop_signal.hpp"
#include "processor/cluster.hpp"
#include "processor/file_space.hpp"
#include "processor/unsynced_uploads.hpp"
#include "queue/spool.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::processor {

/// What to do about an upload that could not be written to disk.
constexpr std::string_view k_unsynced_remedy =
    "remove it and upload it anew; or, where its content is right, copy it and move the copy into its place";

/// An upload as it stands in the file space now. Events are not trusted: they come for broken transfers too.
struct Upload {
    std::string path; ///< raw cluster path
    base::FileStatus status;
};

/// A file that was asked for cannot be queued.
class NoUpload : public base::Error {
  public:
    NoUpload(base::ErrorClass error_class, const std::string& message, bool is_missing)
        : base::Error(error_class, message),
          m_is_missing(is_missing) {}
    /// There is nothing of that name: removed or renamed since its event.
    [[nodiscard]] bool is_missing() const { return m_is_missing; }

  private:
    bool m_is_missing;
};

/// What one commit did.
struct QueuedUploads {
    struct Failed {
        std::string path;
        base::Error error;
    };
    std::string queue_file; ///< empty: there was nothing to queue
    std::vector<Upload> uploads;
    std::vector<Failed> failed; ///< could not be synced, and so were not queued
};

/// Writes `upload` jobs into one new queue file. Each file, and its path from the file space on, is on disk
/// before commit() makes the jobs visible: FTP servers don't see to that. After a crash before commit() there
/// is no job, and a scan finds the file. One that could not be written to disk is refused as long as it stays
/// as it is.
class UploadQueue {
  public:
    UploadQueue(const FileSpace& files, const queue::Spool& spool);

    /// @throws NoUpload where there is no regular file of that name, this user may not read it, or it could
    /// not be written to disk
    void add(const std::string& path);
    /// A job for a path whose file was left hidden by a run that died: store settles it.
    void add_leftover(const std::string& path, const base::FileStatus& status);
    QueuedUploads commit();

  private:
    struct Writing {
        std::string path;
        base::Fd fd;
    };
    void sync_files();
    void note_unsynced(const Writing& file);
    void write(const std::string& path, const base::FileStatus& status);

    const FileSpace* m_files;
    const queue::Spool* m_spool;
    UnsyncedUploads m_unsynced;
    std::vector<Writing> m_writing;      ///< on their way to the disk, together
    std::set<std::string> m_directories; ///< not yet synced, as cluster paths
    std::optional<queue::QueueFileWriter> m_writer;
    QueuedUploads m_queued;
};

/// Why a scan does not queue a file that it met.
enum class Skipped {
    queued,        ///< a valid job for it stands in the queue
    stored,        ///< its link file records it
    being_written, ///< not quiet yet
    unreadable,    ///< this user may not look at it
    unsynced,      ///< it could not be written to disk
    unclaimed      ///< a file that a run hid and no link file knows
};

struct ScanListener {
    std::function<void(const Upload&)> found; ///< is or would be queued
    std::function<void(const std::string& path, Skipped why)> skipped;
};

/// Walks the file space and calls @p listener for each regular file; those that are quiet, not queued and not
/// stored go to @p into (nullptr: nowhere, a dry run). Links, FIFOs and the like are passed over.
void scan_uploads(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool,
                  UploadQueue* into, const ScanListener& listener);

struct FollowListener {
    ScanListener scan;
    std::function<void(const QueuedUploads&)> queued;
    /// An upload that was heard of cannot be queued; one that went away meanwhile is not told of.
    std::function<void(const base::Error&)> refused;
    /// The cluster server itself failed (a full disk): nothing is forgotten, it tries again.
    std::function<void(const base::Error&)> trouble;
};

/// Stays, and queues each upload when its writer closes it or moves it into place, in groups; begins with a
/// scan, and scans again where the kernel lost count or a directory cannot be watched. Returns after the
/// first signal. What a run that died had heard of is found by the scan of the next.
/// @throws base::Error where the file space itself goes away
void follow_uploads(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool,
                    base::StopSignal& stop, const FollowListener& listener);

} // namespace nodespool::processor
