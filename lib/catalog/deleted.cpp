// Reading and claiming what was deleted.
#include "catalog/deleted.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"

#include <fcntl.h>

namespace nodespool::catalog {

namespace {

constexpr mode_t k_directory_mode = 0775; // narrowed by the umask; never for everybody

std::string made_directory(const std::string& cluster_root) {
    try {
        base::make_directories_durably(base::k_cwd, cluster_root + "/.deleted", k_directory_mode);
    } catch (const base::SystemError& error) {
        throw base::Error(base::ErrorClass::cannot_create, error.what());
    }
    return cluster_root;
}

} // namespace

Deleted::Deleted(ReadOnly /*tag*/, const std::string& cluster_root, const base::Clock& clock)
    : m_path(cluster_root + "/.deleted"),
      m_clock(&clock),
      m_dir(base::open_directory_if_there(m_path)) {}

Deleted::Deleted(const std::string& cluster_root, const base::Clock& clock)
    : Deleted(ReadOnly{}, made_directory(cluster_root), clock) {}

Deleted Deleted::open_existing(const std::string& cluster_root) {
    return {ReadOnly{}, cluster_root, base::system_clock()};
}

void Deleted::for_each(const std::function<bool(const std::string& name)>& visit) const {
    if (!m_dir.is_open())
        return;
    base::for_each_typed_entry(m_dir.get(), m_path, [&](const std::string& name, base::FileType type) {
        return type != base::FileType::regular || name.starts_with('.') || visit(name);
    });
}

Link Deleted::parse(int fd, const std::string& name) const {
    return read_link(fd, m_path + "/" + name);
}

std::optional<Link> Deleted::read(const std::string& name) const {
    if (!m_dir.is_open())
        return std::nullopt;
    const std::optional<base::Fd> fd = base::try_open_regular(m_dir.get(), name);
    return fd ? std::optional(parse(fd->get(), name)) : std::nullopt;
}

std::optional<Deleted::Claim> Deleted::claim(const std::string& name) const {
    if (!m_dir.is_open())
        return std::nullopt;
    std::optional<base::Fd> fd = base::try_open_regular(m_dir.get(), name);
    if (!fd || !base::lock_exclusively(fd->get(), base::LockWait::no, m_path + "/" + name))
        return std::nullopt;
    // Whoever had it before may have finished it between the open and the lock.
    const std::optional<base::FileStatus> named = base::status_at(m_dir.get(), name);
    if (!named || !named->is_same_file(base::status_of(fd->get(), name)))
        return std::nullopt;
    Link link = parse(fd->get(), name);
    return Claim(*this, name, std::move(*fd), std::move(link));
}

void Deleted::Claim::finish() {
    base::unlink_at(m_deleted->m_dir.get(), m_name);
}

void Deleted::sync() const {
    if (m_dir.is_open())
        base::sync_directory(m_dir.get(), m_path);
}

} // namespace nodespool::catalog
