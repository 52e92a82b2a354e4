// From uploads to jobs: what the upload hook does for one file, and what its scan does for those whose event
// was lost.
#pragma once

#include "base/error.hpp"
#include "processor/cluster.hpp"
#include "processor/file_space.hpp"
#include "queue/spool.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::processor {

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

/// Writes `upload` jobs into one new queue file. Each file, and its entry in its directory, is on disk before
/// commit() makes the jobs visible: FTP servers don't see to that. After a crash before commit() there is no
/// job, and a scan finds the file.
class UploadQueue {
  public:
    UploadQueue(const FileSpace& files, const queue::Spool& spool) : m_files(&files), m_spool(&spool) {}

    /// @throws NoUpload where there is no regular file of that name, or this user may not read it
    Upload add(const std::string& path);
    /// A job for a path whose file was left hidden by a run that died: store settles it.
    void add_leftover(const std::string& path, const base::FileStatus& status);
    /// @return the queue file's name; empty where nothing was added
    std::string commit();

  private:
    void write(const std::string& path, const base::FileStatus& status);

    const FileSpace* m_files;
    const queue::Spool* m_spool;
    std::vector<std::string> m_directories; ///< not yet synced, as cluster paths of a file in them
    std::optional<queue::QueueFileWriter> m_writer;
};

/// Why a scan does not queue a file that it met.
enum class Skipped {
    queued,        ///< a valid job for it stands in the queue
    stored,        ///< its link file records it
    being_written, ///< not quiet yet
    unreadable,    ///< this user may not look at it
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

} // namespace nodespool::processor
