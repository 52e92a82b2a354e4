// Queueing uploads durably.
#include "processor/uploads.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"

#include <utility>

namespace nodespool::processor {

namespace {

/// Each keeps its file open until it is synced.
constexpr std::size_t k_most_writing = 128;

} // namespace

void UploadQueue::add(const std::string& path) {
    FileSpace::Opened opened = m_files->open(path);
    const std::string shown = m_files->path() + "/" + base::printable(path);
    if (opened.found.not_allowed)
        throw NoUpload(base::ErrorClass::permission, "cannot read " + shown + ": permission denied", false);
    if (!opened.found.status)
        throw NoUpload(opened.found.missing ? base::ErrorClass::io : base::ErrorClass::bad_input,
                       shown + ": found " + opened.found.why_not + ", expected an uploaded file",
                       opened.found.missing);
    m_writing.push_back({path, std::move(opened.fd)});
    if (m_writing.size() >= k_most_writing)
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
            continue;
        }
        write(file.path, status);
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
