// The walk.
#include "walk.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>

#include <set>

namespace nodespool::list_program {

namespace {

void add_names(const std::optional<base::Fd>& directory, const std::string& path,
               std::set<std::string>& names) {
    if (!directory)
        return;
    base::for_each_entry(directory->get(), path, [&](const std::string& name) {
        const std::string full = path.empty() ? name : path + "/" + name;
        if (base::why_not_a_cluster_path(full).empty())
            names.insert(name);
        return true;
    });
}

std::string or_dot(const std::string& path) {
    return path.empty() ? "." : path;
}

} // namespace

Walk::Walk(const std::string& cluster_root, const std::string& files, Recursive recursive, Listener listener)
    : m_catalog(catalog::Catalog::open_existing(cluster_root)),
      m_files(base::open_directory(files)),
      m_recursive(recursive),
      m_listener(std::move(listener)) {}

bool Walk::visit(const std::string& path) {
    const Sides sides = path.empty() ? Sides{false, false, true} : sides_of(path);
    if (sides.directory)
        visit_directory(path);
    if (sides.link_file || sides.local_file)
        visit_file(path, sides);
    return sides.directory || sides.link_file || sides.local_file;
}

Walk::Sides Walk::sides_of(const std::string& path) const {
    Sides sides;
    const auto link = base::status_at(base::k_cwd, m_catalog.path() + "/" + path);
    const base::BeneathResult local = base::find_beneath(m_files.get(), path);
    const auto local_type =
        local.fd.is_open() ? base::status_of(local.fd.get(), path).type : base::FileType::other;
    sides.link_file = link && link->type == base::FileType::regular;
    sides.local_file = local_type == base::FileType::regular;
    sides.directory =
        (link && link->type == base::FileType::directory) || local_type == base::FileType::directory;
    return sides;
}

void Walk::visit_directory(const std::string& directory) {
    std::set<std::string> names;
    add_names(base::try_open_at(base::k_cwd, m_catalog.path() + "/" + directory, O_RDONLY | O_DIRECTORY),
              directory, names);
    base::BeneathResult local = base::open_beneath(m_files.get(), or_dot(directory), O_RDONLY | O_DIRECTORY);
    add_names(local.fd.is_open() ? std::optional(std::move(local.fd)) : std::nullopt, directory, names);
    for (const std::string& name : names) {
        const std::string path = directory.empty() ? name : directory + "/" + name;
        const Sides sides = sides_of(path);
        if (sides.link_file || sides.local_file)
            visit_file(path, sides);
        if (!sides.directory)
            continue;
        if (m_recursive == Recursive::yes)
            visit_directory(path);
        else
            m_listener.directory(path);
    }
}

void Walk::visit_file(const std::string& path, const Sides& sides) {
    std::optional<catalog::Link> link;
    try {
        if (sides.link_file)
            link = m_catalog.read(path);
    } catch (const base::Error& error) {
        m_listener.trouble(error.what());
    }
    if (link)
        m_listener.file({path, link, std::nullopt});
    if (!sides.local_file)
        return;
    const base::BeneathResult local = base::find_beneath(m_files.get(), path);
    if (!local.fd.is_open())
        return;
    const base::FileStatus status = base::status_of(local.fd.get(), path);
    if (!link || !link->records(status.size_bytes, status.mtime))
        m_listener.file({path, std::nullopt, status});
}

} // namespace nodespool::list_program
