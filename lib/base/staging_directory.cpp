// Making, locking and clearing away.
#include "base/staging_directory.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/staged_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <vector>

namespace nodespool::base {

namespace {

const std::string k_lock = "lock";
constexpr mode_t k_directory_mode = 0775; // narrowed by the umask; never for everybody
constexpr mode_t k_lock_mode = 0664;

/// A hint to file systems that know it (chattr +T). ext4 puts new inodes near their directory, and without a
/// journal it looks at each that was deleted there in the last minutes before it takes one: uploads that are
/// taken away next door would make each link file dearer than the one before. Directories in a top directory
/// are spread over the disk.
void spread_directories_below(int fd) {
    int flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_TOPDIR_FL) != 0)
        return;
    flags |= FS_TOPDIR_FL;
    static_cast<void>(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

std::vector<std::string> staged_entries(int fd, const std::string& path_for_errors) {
    std::vector<std::string> entries;
    for_each_entry(fd, path_for_errors, [&](const std::string& entry) {
        if (entry != k_lock)
            entries.push_back(entry);
        return true;
    });
    return entries;
}

} // namespace

StagingDirectory::StagingDirectory(int parent_fd) : m_parent_fd(parent_fd) {
    spread_directories_below(parent_fd);
    while (!make()) {
    }
}

/// @return false: somebody took it for abandoned before it was locked
bool StagingDirectory::make() {
    m_name = temporary_name("staging");
    make_directory_at(m_parent_fd, m_name, k_directory_mode);
    try {
        m_fd = open_at(m_parent_fd, m_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        m_lock = open_at(m_fd.get(), k_lock, O_RDWR | O_CREAT | O_NOFOLLOW, k_lock_mode);
    } catch (const SystemError& error) {
        if (error.code() == ENOENT)
            return false;
        throw;
    }
    lock_exclusively(m_lock.get(), LockWait::yes, m_name);
    const std::optional<FileStatus> named = status_at(m_fd.get(), k_lock);
    return named && named->is_same_file(status_of(m_lock.get(), m_name));
}

StagingDirectory::~StagingDirectory() {
    try {
        unlink_at(m_fd.get(), k_lock);
        remove_directory_at(m_parent_fd, m_name);
    } catch (const Error&) {
        // It stays; its name marks it, and it is cleared away like those of processes that died.
    }
}

bool clear_abandoned_staging(int parent_fd, const std::string& name, int fd) {
    // Listed before the look for the lock: who is just beginning has no file here before there is one. After
    // a power cut the files may be here without it.
    std::vector<std::string> entries = staged_entries(fd, name);
    const std::optional<Fd> lock = try_open_at(fd, k_lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (lock) {
        if (!lock_exclusively(lock->get(), LockWait::no, name))
            return false;
        entries = staged_entries(fd, name);
    }
    for (const std::string& entry : entries)
        unlink_at(fd, entry);
    if (lock)
        unlink_at(fd, k_lock);
    return remove_directory_at(parent_fd, name);
}

} // namespace nodespool::base
