// Link files on disk.
#include "catalog/catalog.hpp"

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace nodespool::catalog {

namespace {

constexpr std::size_t k_max_link_bytes = 16U << 20U;
constexpr mode_t k_directory_mode = 0777; // narrowed by the umask
constexpr mode_t k_file_mode = 0666;

std::string made_directories(const std::string& cluster_root) {
    try {
        for (const char* name : {"/.links", "/.links/.tmp", "/.links/.lock"})
            base::make_directories_durably(base::k_cwd, cluster_root + name, k_directory_mode);
    } catch (const base::SystemError& error) {
        throw base::Error(base::ErrorClass::cannot_create, error.what());
    }
    return cluster_root;
}

base::Fd open_if_there(const std::string& path) {
    auto fd = base::try_open_at(base::k_cwd, path, O_RDONLY | O_DIRECTORY);
    return fd ? std::move(*fd) : base::Fd();
}

bool is_empty_directory(int dir_fd, const std::string& path) {
    const std::optional<base::Fd> fd = base::try_open_at(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    bool empty = true;
    if (fd)
        base::for_each_entry(fd->get(), path, [&](const std::string&) { return empty = false; });
    return empty;
}

std::string directory_or_dot(const std::string& directory) {
    return directory.empty() ? "." : directory;
}

} // namespace

Catalog::Catalog(ReadOnly /*tag*/, const std::string& cluster_root)
    : m_path(cluster_root + "/.links"),
      m_dir(open_if_there(m_path)),
      m_temporaries(open_if_there(m_path + "/.tmp")),
      m_locks(open_if_there(m_path + "/.lock")) {}

Catalog::Catalog(const std::string& cluster_root) : Catalog(ReadOnly{}, made_directories(cluster_root)) {}

Catalog Catalog::open_existing(const std::string& cluster_root) {
    return {ReadOnly{}, cluster_root};
}

std::optional<Link> Catalog::read(const std::string& path) const {
    if (!m_dir.is_open())
        return std::nullopt;
    const std::optional<base::Fd> fd = base::try_open_regular(m_dir.get(), path);
    if (!fd)
        return std::nullopt;
    Link link = parse_link(base::read_whole(fd->get(), k_max_link_bytes, link_path(path)), link_path(path));
    if (link.path != path)
        throw base::Error(base::ErrorClass::bad_input,
                          fmt::format("{}:1: found the path {}, expected {}", link_path(path),
                                      base::encode_name(link.path), base::encode_name(path)));
    return link;
}

std::string Catalog::obstacle(const std::string& path) const {
    if (!m_dir.is_open())
        return {};
    const std::optional<base::FileStatus> own = base::status_at(m_dir.get(), path);
    if (own && own->type == base::FileType::directory && !is_empty_directory(m_dir.get(), path))
        return "there are files below " + base::encode_name(path) + "/ in the catalogue";
    for (std::string parent(base::parent_of(path)); !parent.empty(); parent = base::parent_of(parent)) {
        const std::optional<base::FileStatus> status = base::status_at(m_dir.get(), parent);
        if (!status)
            continue;
        if (status->type == base::FileType::directory)
            break;
        return base::encode_name(parent) + " is a file in the catalogue";
    }
    return {};
}

void Catalog::clear_abandoned() const {
    base::clear_abandoned(m_temporaries.get(), m_path + "/.tmp");
}

LinkBatch::LinkBatch(const Catalog& catalog, const std::vector<std::string>& paths) : m_catalog(&catalog) {
    std::set<unsigned> numbers;
    for (const std::string& path : paths)
        numbers.insert(static_cast<unsigned>(base::stable_hash(path) & 0xFFU));
    for (const unsigned number : numbers) {
        const std::string name = fmt::format("{:02x}", number);
        base::Fd fd = base::open_at(catalog.m_locks.get(), name, O_RDWR | O_CREAT | O_NOFOLLOW, k_file_mode);
        base::lock_exclusively(fd.get(), base::LockWait::yes, catalog.m_path + "/.lock/" + name);
        m_locks.push_back(std::move(fd));
    }
}

void LinkBatch::replace(const Link& link) {
    const std::string directory(base::parent_of(link.path));
    const std::optional<base::FileStatus> there = base::status_at(m_catalog->m_dir.get(), link.path);
    if (there && there->type == base::FileType::directory) // empty by now, or the rename below will refuse it
        base::remove_directory_at(m_catalog->m_dir.get(), link.path);
    base::make_directories_durably(m_catalog->m_dir.get(), directory, k_directory_mode);
    base::StagedFile staged(m_catalog->m_temporaries.get(), "link", k_file_mode);
    staged.append(format_link(link));
    staged.start_writing();
    m_staged.erase(link.path);
    m_staged.emplace(link.path, std::move(staged));
    sync_later(link.path);
}

void LinkBatch::rely_on(const std::string& path) {
    sync_later(path);
}

/// The link's directory, and its parents as long as they may be new: a run that was killed may have made them
/// and not synced.
void LinkBatch::sync_later(const std::string& path) {
    const std::scoped_lock lock(m_catalog->m_mutex);
    std::string directory(base::parent_of(path));
    m_directories.insert(directory);
    while (!directory.empty() && !m_catalog->m_durable.contains(directory)) {
        directory = base::parent_of(directory);
        m_directories.insert(directory);
    }
}

void LinkBatch::commit() {
    for (auto& [path, staged] : m_staged)
        staged.sync();
    for (auto& [path, staged] : m_staged)
        staged.rename_to(m_catalog->m_dir.get(), path, base::Replace::yes);
    m_staged.clear();
    for (const std::string& directory : m_directories) {
        const base::Fd fd =
            base::open_at(m_catalog->m_dir.get(), directory_or_dot(directory), O_RDONLY | O_DIRECTORY);
        base::sync_directory(fd.get(), m_catalog->link_path(directory));
    }
    const std::scoped_lock lock(m_catalog->m_mutex);
    m_catalog->m_durable.merge(m_directories);
    m_directories.clear();
}

} // namespace nodespool::catalog
