// Deleting trees.
#include "base/path_name.hpp"
#include "catalog/walk.hpp"
#include "upkeep/deletion.hpp"

#include <fcntl.h>
#include <fmt/format.h>

namespace nodespool::upkeep {

namespace {

std::string below(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

} // namespace

/// The file space first: what somebody writes to, and what therefore stays there, is met once.
void Deletion::add_tree(const std::string& directory) {
    walk_file_space(directory);
    work_off();
    catalog::for_each_link(m_catalog, directory, [&](const std::string& path) {
        if (m_deleted || !m_files.look(path).status) // in a dry run, those in the file space were told of
            add(path);
        return true;
    });
    work_off();
    if (m_deleted)
        catalog::remove_empty_directories(m_catalog, directory);
}

bool Deletion::is_cluster_root(const base::FileStatus& status) const {
    return m_root && status.is_same_file(*m_root);
}

void Deletion::walk_file_space(const std::string& directory) {
    std::vector<std::string> subdirectories;
    {
        const base::BeneathResult opened =
            base::open_beneath(m_files.fd(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
        if (!opened.fd.is_open()) {
            if (opened.why == base::NotOpened::not_allowed)
                m_listener.on_failure(directory,
                                      base::Error(base::ErrorClass::permission,
                                                  fmt::format("cannot look into {}/: this user may not",
                                                              base::encode_name(directory))));
            return;
        }
        if (!directory.empty() && is_cluster_root(base::status_of(opened.fd.get(), directory)))
            return; // the cluster's own directory lies inside its file space
        base::for_each_typed_entry(opened.fd.get(), m_files.path() + "/" + directory,
                                   [&](const std::string& name, base::FileType type) {
                                       const std::string path = below(directory, name);
                                       if (type == base::FileType::regular &&
                                           name.starts_with(processor::k_hidden_prefix))
                                           take_leftover(path);
                                       else if (!base::why_not_a_cluster_path(path).empty())
                                           return true;
                                       else if (type == base::FileType::regular)
                                           add(path);
                                       else if (type == base::FileType::directory)
                                           subdirectories.push_back(name);
                                       return true;
                                   });
    }
    while (!subdirectories.empty()) {
        const std::string name = std::move(subdirectories.back());
        subdirectories.pop_back();
        walk_file_space(below(directory, name));
    }
}

/// A file that a run of store or of delete hid and did not finish with. Its name does not tell its path, and
/// where that has no link file nobody else can; but it is one of this directory, all of which goes. Not under
/// the link's lock: a store that is at work on it finds it finished.
void Deletion::take_leftover(const std::string& hidden_path) {
    Item item;
    item.file.path = hidden_path;
    attempt(item, [&] {
        const processor::FileSpace::Opened opened = m_files.open(hidden_path);
        const auto parent = m_files.open_parent(hidden_path);
        if (!opened.found.status || !parent)
            return;
        item.file.local = DeletedFile::Local::removed;
        if (m_files.rest_of(opened.fd.get(), *opened.found.status) == processor::Rest::being_written) {
            item.file.local = DeletedFile::Local::being_written;
        } else if (m_deleted) {
            base::unlink_at(parent->get(), std::string(base::name_of(hidden_path)));
            base::sync_directory(parent->get(), m_files.path() + "/" + hidden_path);
        }
        m_listener.on_file(item.file);
    });
}

} // namespace nodespool::upkeep
