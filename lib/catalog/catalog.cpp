// Link files on disk.
#include "catalog/catalog.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/group_sync.hpp"
#include "base/path_name.hpp"
#include "base/stable_hash.hpp"
#include "base/unique_name.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace nodespool::catalog {

namespace {

constexpr mode_t k_directory_mode = 0775; // narrowed by the umask; never for everybody
constexpr mode_t k_file_mode = 0664;
constexpr int k_most_tries = 100; // against directories that are removed as fast as they are made
/// Of directories known to be durable: a program that stays sees new ones for years.
constexpr std::size_t k_most_durable = 20000;

std::string made_directories(const std::string& cluster_root) {
    try {
        for (const char* name : {"/.links", "/.links/.tmp", "/.links/.lock"})
            base::make_directories_durably(base::k_cwd, cluster_root + name, k_directory_mode);
    } catch (const base::SystemError& error) {
        throw base::Error(base::ErrorClass::cannot_create, error.what());
    }
    return cluster_root;
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
      m_dir(base::open_directory_if_there(m_path)),
      m_temporaries(base::open_directory_if_there(m_path + "/.tmp")),
      m_locks(base::open_directory_if_there(m_path + "/.lock")) {}

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
    Link link = read_link(fd->get(), link_path(path));
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

std::vector<base::HeldDirectory> Catalog::held_directories() const {
    std::vector<base::HeldDirectory> held;
    if (m_dir.is_open())
        held.push_back({m_dir.get(), m_path});
    if (m_locks.is_open())
        held.push_back({m_locks.get(), m_path + "/.lock"});
    return held;
}

void Catalog::ensure_in_place() const {
    for (const base::HeldDirectory& held : held_directories())
        base::ensure_in_place(held);
}

void Catalog::clear_abandoned() const {
    base::clear_abandoned(m_temporaries.get(), m_path + "/.tmp");
}

int Catalog::staging_fd() const {
    const std::scoped_lock lock(m_mutex);
    if (!m_staging)
        m_staging = std::make_unique<base::StagingDirectory>(m_temporaries.get());
    return m_staging->fd();
}

bool Catalog::is_durable(const std::string& directory, const DurableDirectory& as_it_is) const {
    const std::scoped_lock lock(m_mutex);
    const auto known = m_durable.find(directory);
    return known != m_durable.end() && known->second == as_it_is;
}

void Catalog::note_durable(const std::map<std::string, DurableDirectory>& directories) const {
    const std::scoped_lock lock(m_mutex);
    if (m_durable.size() + directories.size() > k_most_durable)
        m_durable.clear(); // they are synced once more
    for (const auto& [path, directory] : directories)
        m_durable[path] = directory;
}

LinkBatch::LinkBatch(const Catalog& catalog, const std::vector<std::string>& paths) : m_catalog(&catalog) {
    std::set<unsigned> numbers;
    for (const std::string& path : paths)
        numbers.insert(static_cast<unsigned>(base::stable_hash(path) & 0xFFU));
    for (const unsigned number : numbers) {
        const std::string name = fmt::format("{:02x}", number);
        base::Fd fd = base::open_at(catalog.m_locks.get(), name, O_RDWR | O_CREAT | O_NOFOLLOW, k_file_mode);
        if (!base::is_broken(base::Break::links_unlocked))
            base::lock_exclusively(fd.get(), base::LockWait::yes, catalog.m_path + "/.lock/" + name);
        m_locks.push_back(std::move(fd));
    }
}

void LinkBatch::replace(const Link& link) {
    const std::optional<base::FileStatus> there = base::status_at(m_catalog->m_dir.get(), link.path);
    if (there && there->type == base::FileType::directory) // empty by now, or the rename below will refuse it
        base::remove_directory_at(m_catalog->m_dir.get(), link.path);
    const std::string directory(base::parent_of(link.path));
    if (!m_directories.contains(directory)) // else another link of this batch lies there
        make_directory_of(link.path);
    base::StagedFile staged(m_catalog->staging_fd(), "link", k_file_mode, base::Guard::staging_directory);
    staged.append(format_link(link));
    m_moves.erase(link.path);
    m_staged.erase(link.path);
    m_staged.emplace(link.path, std::move(staged));
    m_directories.insert(directory);
}

void LinkBatch::rely_on(const std::string& path) {
    m_directories.emplace(base::parent_of(path));
}

void LinkBatch::move_to_deleted(const std::string& path, const Deleted& deleted) {
    m_staged.erase(path);
    m_moves.insert_or_assign(path, &deleted);
}

/// delete may remove a directory that is empty between any two of the calls: then again from the start.
void LinkBatch::make_directory_of(const std::string& path) const {
    for (int tries = 0;; ++tries) {
        try {
            base::make_directories_durably(m_catalog->m_dir.get(), std::string(base::parent_of(path)),
                                           k_directory_mode);
            return;
        } catch (const base::SystemError& error) {
            if (error.code() != ENOENT || tries == k_most_tries)
                throw;
        }
    }
}

/// Between replace() and this, delete may have removed the link's directory, empty as it was.
void LinkBatch::put_in_place(const std::string& path, base::StagedFile& staged) const {
    for (int tries = 0;; ++tries) {
        try {
            staged.rename_to(m_catalog->m_dir.get(), path, base::Replace::yes);
            return;
        } catch (const base::SystemError& error) {
            if (error.code() != ENOENT || tries == k_most_tries)
                throw;
        }
        make_directory_of(path);
    }
}

/// One rename: the link is in one of the two directories at every moment.
void LinkBatch::move(const std::string& path, const Deleted& deleted) const {
    while (!base::rename_no_replace(m_catalog->m_dir.get(), path, deleted.m_dir.get(),
                                    base::unique_name(*deleted.m_clock))) {
    }
}

void LinkBatch::commit() {
    std::vector<base::StagedFile*> together;
    for (auto& [path, staged] : m_staged)
        together.push_back(&staged);
    base::sync_together(together);
    for (auto& [path, staged] : m_staged)
        put_in_place(path, staged);
    m_staged.clear();
    std::set<const Deleted*> moved_to;
    std::set<std::string> moved_from;
    for (const auto& [path, deleted] : m_moves) {
        move(path, *deleted);
        moved_to.insert(deleted);
        moved_from.emplace(base::parent_of(path));
    }
    m_moves.clear();
    // The new name first: where a file system writes the two directories apart, a power cut between them
    // leaves a link too many, not a link lost. (Those with a journal write a rename in one piece.)
    for (const Deleted* deleted : moved_to)
        deleted->sync();
    sync_directories();
    for (const std::string& directory : moved_from)
        if (!m_directories.contains(directory))
            sync_what_is_left_of(directory);
    m_directories.clear();
    m_catalog->ensure_in_place(); // before anybody acts on it: takes an upload away, ticks a line
}

void LinkBatch::sync(const std::string& directory) const {
    const base::Fd fd =
        base::open_at(m_catalog->m_dir.get(), directory_or_dot(directory), O_RDONLY | O_DIRECTORY);
    if (!base::is_broken(base::Break::link_directory_not_synced))
        base::sync_directory(fd.get(), m_catalog->link_path(directory));
}

/// A directory that a link was moved out of; another delete may have removed it by now, empty as it is.
void LinkBatch::sync_what_is_left_of(std::string directory) const {
    for (;; directory = base::parent_of(directory)) {
        const auto fd =
            base::try_open_at(m_catalog->m_dir.get(), directory_or_dot(directory), O_RDONLY | O_DIRECTORY);
        if (fd)
            base::sync_directory(fd->get(), m_catalog->link_path(directory));
        if (fd || directory.empty())
            return;
    }
}

/// The directories of new links, and their parents as long as they may be new: a run that was killed may have
/// made them and not synced.
void LinkBatch::sync_directories() {
    std::set<std::string> synced;
    std::map<std::string, Catalog::DurableDirectory> now_durable;
    for (const std::string& directory : m_directories) {
        if (synced.insert(directory).second)
            sync(directory);
        for (std::string path = directory; !path.empty() && !now_durable.contains(path);) {
            const auto status = base::status_at(m_catalog->m_dir.get(), path);
            const Catalog::DurableDirectory current =
                status ? Catalog::DurableDirectory{status->inode, status->btime}
                       : Catalog::DurableDirectory{};
            if (m_catalog->is_durable(path, current))
                break;
            now_durable.emplace(path, current);
            path = base::parent_of(path);
            if (synced.insert(path).second)
                sync(path);
        }
    }
    m_catalog->note_durable(now_durable);
}

} // namespace nodespool::catalog
