// Queueing uploads durably.
#include "processor/uploads.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

namespace nodespool::processor {

namespace {

/// Each keeps its file open until it is synced.
std::size_t most_writing() {
    static const std::size_t most = base::within_open_file_limit(128, 1);
    return most;
}

} // namespace

UploadQueue::UploadQueue(const FileSpace& files, const queue::Spool& spool)
    : m_files(&files),
      m_spool(&spool),
      m_unsynced(std::string(base::parent_of(spool.path()))) {}

void UploadQueue::add(const std::string& path) {
    FileSpace::Opened opened = m_files->open(path);
    const std::string shown = m_files->path() + "/" + base::printable(path);
    using Why = NoUpload::Why;
    if (opened.found.not_allowed)
        throw NoUpload(base::ErrorClass::permission, "cannot read " + shown + ": permission denied",
                       Why::refused);
    if (!opened.found.status)
        throw NoUpload(opened.found.missing ? base::ErrorClass::io : base::ErrorClass::bad_input,
                       shown + ": found " + opened.found.why_not + ", expected an uploaded file",
                       opened.found.missing ? Why::missing : Why::refused);
    if (!opened.fd.is_open())
        throw NoUpload(base::ErrorClass::io,
                       shown + ": found a lease on it that somebody holds who may write to it, expected a "
                               "finished upload",
                       Why::being_written);
    if (m_unsynced.contains(*opened.found.status))
        throw NoUpload(base::ErrorClass::io,
                       shown + ": it could not be written to disk before, and may be damaged: " +
                           std::string(k_unsynced_remedy),
                       Why::refused);
    m_writing.push_back({path, std::move(opened.fd)});
    if (m_writing.size() >= most_writing())
        sync_files();
}

void UploadQueue::sync_files() {
    if (m_writing.size() > 1) // for a single one, the sync itself is as fast
        for (const Writing& file : m_writing)
            base::start_writeback(file.fd.get());
    for (const Writing& file : std::exchange(m_writing, {})) {
        const std::string shown = m_files->path() + "/" + base::printable(file.path);
        base::FileStatus status;
        try {
            if (!base::is_broken(base::Break::upload_not_synced))
                base::sync_file(file.fd.get(), shown);
            // Once more: what was synced is what the job speaks of, even where somebody wrote meanwhile.
            status = base::status_of(file.fd.get(), shown);
        } catch (const base::Error& error) {
            m_queued.failed.push_back({file.path, error});
            note_unsynced(file);
            continue;
        }
        m_unsynced.forget(status);
        m_queued.uploads.push_back({file.path, status});
    }
}

/// The next sync of it would succeed, whatever was lost.
void UploadQueue::note_unsynced(const Writing& file) {
    try {
        m_unsynced.add(file.path, base::status_of(file.fd.get(), file.path));
    } catch (const base::Error& error) {
        base::log(base::LogLevel::error, error.what());
    }
}

void UploadQueue::add_leftover(const std::string& path, const base::FileStatus& status) {
    m_queued.uploads.push_back({path, status});
}

/// Those of the uploads, with all above them: they may be as new as the files.
void UploadQueue::sync_directories() {
    std::set<std::string, std::less<>> directories;
    for (const Upload& upload : m_queued.uploads) {
        std::string_view directory = base::parent_of(upload.path);
        while (directories.emplace(directory).second && !directory.empty())
            directory = base::parent_of(directory);
    }
    FailedDirectories failed;
    for (const std::string& directory : directories) {
        try {
            if (const auto fd = m_files->open_directory(directory))
                base::sync_directory(fd->get(), m_files->path() + "/" + directory);
        } catch (const base::Error& error) {
            if (!concerns_one_file(error))
                throw;
            failed.emplace(directory, error);
        }
    }
    if (!failed.empty())
        postpone(failed);
}

/// What lies below these directories could be gone after a power cut.
void UploadQueue::postpone(const FailedDirectories& failed) {
    const auto failure_above = [&](std::string_view path) {
        FailedDirectories::const_iterator found;
        do {
            path = base::parent_of(path);
            found = failed.find(path);
        } while (found == failed.end() && !path.empty());
        return found;
    };
    std::erase_if(m_queued.uploads, [&](const Upload& upload) {
        const auto found = failure_above(upload.path);
        if (found == failed.end())
            return false;
        const base::Error& error = found->second;
        const std::string shown = m_files->path() + "/" + base::printable(upload.path);
        m_queued.postponed.push_back(
            {upload.path, base::Error(error.error_class(), shown + " is not queued: " + error.what())});
        return true;
    });
}

void UploadQueue::write_jobs() {
    queue::QueueFileWriter writer = m_spool->new_file(queue::Priority::normal);
    for (const auto& [path, status] : m_queued.uploads)
        writer.add(queue::upload_job(path, status.uid, status.size_bytes, status.mtime));
    writer.commit();
    m_queued.queue_file = writer.name();
}

QueuedUploads UploadQueue::commit() {
    sync_files();
    sync_directories();
    if (!m_queued.uploads.empty())
        write_jobs();
    return std::exchange(m_queued, {});
}

bool concerns_one_file(const base::Error& error) {
    const auto* failed_call = dynamic_cast<const base::SystemError*>(&error);
    if (failed_call == nullptr)
        return true;
    const int code = failed_call->code();
    return code != EMFILE && code != ENFILE && code != ENOMEM;
}

} // namespace nodespool::processor
