// Queueing uploads durably.
#include "processor/uploads.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"

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
    if (opened.found.not_allowed)
        throw NoUpload(base::ErrorClass::permission, "cannot read " + shown + ": permission denied", false);
    if (!opened.found.status)
        throw NoUpload(opened.found.missing ? base::ErrorClass::io : base::ErrorClass::bad_input,
                       shown + ": found " + opened.found.why_not + ", expected an uploaded file",
                       opened.found.missing);
    if (m_unsynced.contains(*opened.found.status))
        throw NoUpload(base::ErrorClass::io,
                       shown + ": it could not be written to disk before, and may be damaged: " +
                           std::string(k_unsynced_remedy),
                       false);
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
        write(file.path, status);
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
    write(path, status);
}

void UploadQueue::write(const std::string& path, const base::FileStatus& status) {
    // With all above it: they may be as new as the file.
    std::string_view directory = base::parent_of(path);
    while (m_directories.emplace(directory).second && !directory.empty())
        directory = base::parent_of(directory);
    if (!m_writer)
        m_writer.emplace(m_spool->new_file(queue::Priority::normal));
    m_writer->add(queue::upload_job(path, status.uid, status.size_bytes, status.mtime));
    m_queued.uploads.push_back({path, status});
}

QueuedUploads UploadQueue::commit() {
    sync_files();
    if (m_writer) {
        for (const std::string& directory : std::exchange(m_directories, {}))
            if (const auto fd = m_files->open_directory(directory))
                base::sync_directory(fd->get(), m_files->path() + "/" + directory);
        m_writer->commit();
        m_queued.queue_file = m_writer->name();
        m_writer.reset();
    }
    return std::exchange(m_queued, {});
}

} // namespace nodespool::processor
