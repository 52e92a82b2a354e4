// Queueing uploads durably.
#include "processor/uploads.hpp"

#include "base/path_name.hpp"

#include <algorithm>

namespace nodespool::processor {

Upload UploadQueue::add(const std::string& path) {
    const FileSpace::Opened opened = m_files->open(path);
    const std::string shown = m_files->path() + "/" + base::printable(path);
    if (opened.found.not_allowed)
        throw NoUpload(base::ErrorClass::permission, "cannot read " + shown + ": permission denied", false);
    if (!opened.found.status)
        throw NoUpload(opened.found.missing ? base::ErrorClass::io : base::ErrorClass::bad_input,
                       shown + ": found " + opened.found.why_not + ", expected an uploaded file",
                       opened.found.missing);
    base::sync_file(opened.fd.get(), shown);
    // Once more: what was synced is what the job speaks of, even where somebody wrote meanwhile.
    Upload upload{path, base::status_of(opened.fd.get(), shown)};
    write(path, upload.status);
    return upload;
}

void UploadQueue::add_leftover(const std::string& path, const base::FileStatus& status) {
    write(path, status);
}

void UploadQueue::write(const std::string& path, const base::FileStatus& status) {
    const bool same_directory =
        !m_directories.empty() && base::parent_of(m_directories.back()) == base::parent_of(path);
    if (!same_directory)
        m_directories.push_back(path);
    if (!m_writer)
        m_writer.emplace(m_spool->new_file(queue::Priority::normal));
    m_writer->add(queue::upload_job(path, status.uid, status.size_bytes, status.mtime));
}

std::string UploadQueue::commit() {
    if (!m_writer)
        return {};
    for (const std::string& path : m_directories)
        if (const auto directory = m_files->open_parent(path))
            base::sync_directory(directory->get(),
                                 m_files->path() + "/" + std::string(base::parent_of(path)));
    m_directories.clear();
    m_writer->commit();
    std::string name = m_writer->name();
    m_writer.reset();
    return name;
}

} // namespace nodespool::processor
