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
#include <map>
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
    enum class Why {
        missing,       ///< there is nothing of that name: removed or renamed since its event
        being_written, ///< somebody holds a lease on it, and may write to it
        refused        ///< it is none, may not be read, or could not be written to disk
    };
    NoUpload(base::ErrorClass error_class, const std::string& message, Why why)
        : base::Error(error_class, message),
          m_why(why) {}
    [[nodiscard]] Why why() const { return m_why; }

  private:
    Why m_why;
};

/// Can a look at another file succeed all the same? Not where this process lacks descriptors or memory.
bool concerns_one_file(const base::Error& error);

/// What one commit did.
struct QueuedUploads {
    struct Failed {
        std::string path;
        base::Error error;
    };
    std::string queue_file; ///< empty: there was nothing to queue
    std::vector<Upload> uploads;
    std::vector<Failed> failed;    ///< could not be synced, and so were not queued
    std::vector<Failed> postponed; ///< the same, because of a directory above it: not queued this time
};

/// Writes `upload` jobs into one new queue file. Each file, and its path from the file space on, is on disk
/// before commit() makes the jobs visible: FTP servers don't see to that. After a crash before commit() there
/// is no job, and a scan finds the file. One that could not be written to disk is refused as long as it stays
/// as it is.
class UploadQueue {
  public:
    UploadQueue(const FileSpace& files, const queue::Spool& spool);

    /// What fails here concerns this file alone, or this process; never the spool.
    /// @throws NoUpload where there is no regular file of that name, this user may not read it, it is being
    /// written under a lease, or could not be written to disk
    /// @throws base::Error where it cannot be opened for another reason
    void add(const std::string& path);
    /// A job for a path whose file was left hidden by a run that died: store settles it.
    void add_leftover(const std::string& path, const base::FileStatus& status);
    /// @throws base::Error where the spool fails: nothing is queued
    QueuedUploads commit();

  private:
    struct Writing {
        std::string path;
        base::Fd fd;
    };
    void sync_files();
    void note_unsynced(const Writing& file);
    using FailedDirectories = std::map<std::string, base::Error, std::less<>>; ///< by cluster path
    void sync_directories();
    void postpone(const FailedDirectories& failed);
    void write_jobs();

    const FileSpace* m_files;
    const queue::Spool* m_spool;
    UnsyncedUploads m_unsynced;
    std::vector<Writing> m_writing; ///< on their way to the disk, together
    QueuedUploads m_queued;         ///< by the next commit: on disk, but for their directories
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
    /// A file, or a directory with all below it, could not be looked at.
    std::function<void(const std::string& path, const base::Error&)> failed =
        [](const std::string&, const base::Error& error) { throw error; };
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
    /// The cluster server itself failed (a full disk), or one upload cannot be opened: nothing is forgotten,
    /// it tries again. Told once for each such upload.
    std::function<void(const base::Error&)> trouble;
};

/// Stays, and queues each upload when its writer closes it or moves it into place, in groups; begins with a
/// scan, and scans again where the kernel lost count or a directory cannot be watched. Returns after the
/// first signal. What a run that died had heard of is found by the scan of the next.
/// @throws base::Error where the file space itself goes away, or the spool is replaced by another of its name
void follow_uploads(const Cluster& cluster, const FileSpace& files, const queue::Spool& spool,
                    base::StopSignal& stop, const FollowListener& listener);

} // namespace nodespool::processor
