// Names in directories, locks, leases and identity: the other half of file_system.hpp.
#include "base/accounts.hpp"
#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_call.hpp"
#include "base/path_name.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

namespace nodespool::base {

namespace {

FsObserver*& installed_observer() {
    static FsObserver* observer = nullptr;
    return observer;
}

} // namespace

void set_fs_observer(FsObserver* observer) {
    installed_observer() = observer;
}

void announce(FsCall call, std::string_view path) {
    if (FsObserver* observer = installed_observer())
        observer->before(call, path);
}

void rename_at(int from_dir, const std::string& from, int to_dir, const std::string& to) {
    announce(FsCall::rename, to);
    if (::renameat(from_dir, from.c_str(), to_dir, to.c_str()) != 0)
        throw_errno("rename " + from + " to " + to);
}

bool rename_no_replace(int from_dir, const std::string& from, int to_dir, const std::string& to) {
    announce(FsCall::rename, to);
    if (::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EEXIST)
        return false;
    throw_errno("rename " + from + " to " + to);
}

bool unlink_at(int dir_fd, const std::string& name) {
    announce(FsCall::unlink, name);
    if (::unlinkat(dir_fd, name.c_str(), 0) == 0)
        return true;
    if (errno == ENOENT)
        return false;
    throw_errno("unlink " + name);
}

bool make_directory_at(int dir_fd, const std::string& name, mode_t mode) {
    announce(FsCall::make_directory, name);
    if (::mkdirat(dir_fd, name.c_str(), mode) == 0)
        return true;
    const int code = errno;
    if (code == EEXIST) {
        const std::optional<FileStatus> status = status_at(dir_fd, name);
        if (status && status->type == FileType::directory)
            return false;
        throw SystemError("make directory " + name, ENOTDIR);
    }
    throw SystemError("make directory " + name, code);
}

bool remove_directory_at(int dir_fd, const std::string& name) {
    announce(FsCall::remove_directory, name);
    if (::unlinkat(dir_fd, name.c_str(), AT_REMOVEDIR) == 0)
        return true;
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOENT)
        return false;
    throw_errno("remove directory " + name);
}

void make_directories_durably(int dir_fd, const std::string& name, mode_t mode) {
    if (name.empty())
        return;
    // From the deepest that is there downwards: the usual case is one look.
    if (const auto there = status_at(dir_fd, name); there && there->type == FileType::directory)
        return;
    const std::size_t slash = name.rfind('/');
    const std::string parent = slash == std::string::npos ? std::string() : name.substr(0, slash);
    if (!parent.empty())
        make_directories_durably(dir_fd, parent, mode);
    make_directory_at(dir_fd, name, mode);
    const std::string synced = parent.empty() ? (name.front() == '/' ? "/" : ".") : parent;
    const Fd parent_fd = open_at(dir_fd, synced, O_RDONLY | O_DIRECTORY);
    sync_directory(parent_fd.get(), synced);
}

bool lock_exclusively(int fd, LockWait wait, std::string_view path_for_errors) {
    const int operation = LOCK_EX | (wait == LockWait::no ? LOCK_NB : 0);
    if (retry_eintr([&] { return ::flock(fd, operation); }) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return false;
    throw CannotLock("lock " + std::string(path_for_errors) +
                         " (nodespool needs a file system that supports flock and never runs unlocked)",
                     errno);
}

Writers writers_of(int fd) {
    if (is_broken(Break::writers_overlooked))
        return Writers::none;
    // While the lease is held, an opener for writing makes the kernel send SIGIO, whose default is to kill.
    static std::once_flag once;
    std::call_once(once, [] { (void)std::signal(SIGIO, SIG_IGN); });
    if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        ::fcntl(fd, F_SETLEASE, F_UNLCK);
        return Writers::none;
    }
    return errno == EAGAIN ? Writers::some : Writers::cannot_tell;
}

namespace {

template <typename Visit>
void read_entries(int dir_fd, std::string_view path_for_errors, Visit&& visit) {
    // Its own description: reading must not move the caller's position.
    Fd own = open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
    if (!stream)
        throw_errno("read directory " + std::string(path_for_errors));
    (void)own.release(); // closedir() closes it
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) {
            if (errno != 0)
                throw_errno("read directory " + std::string(path_for_errors));
            return;
        }
        const std::string name = entry->d_name;
        if (name != "." && name != ".." && !visit(name, entry->d_type))
            return;
    }
}

/// nullopt: it vanished.
std::optional<FileType> type_of_entry(int dir_fd, const std::string& name, unsigned char directory_says) {
    switch (directory_says) {
    case DT_REG:
        return FileType::regular;
    case DT_DIR:
        return FileType::directory;
    case DT_LNK:
        return FileType::symlink;
    case DT_UNKNOWN: {
        const std::optional<FileStatus> status = status_at(dir_fd, name);
        return status ? std::optional(status->type) : std::nullopt;
    }
    default:
        return FileType::other;
    }
}

} // namespace

void for_each_entry(int dir_fd, std::string_view path_for_errors,
                    const std::function<bool(const std::string& name)>& visit) {
    read_entries(dir_fd, path_for_errors,
                 [&](const std::string& name, unsigned char) { return visit(name); });
}

void for_each_typed_entry(int dir_fd, std::string_view path_for_errors,
                          const std::function<bool(const std::string& name, FileType type)>& visit) {
    read_entries(dir_fd, path_for_errors, [&](const std::string& name, unsigned char directory_says) {
        const std::optional<FileType> type = type_of_entry(dir_fd, name, directory_says);
        return !type || visit(name, *type);
    });
}

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0)
        throw_errno("read the host name");
    return name;
}

int process_id() {
    return ::getpid();
}

uid_t effective_user() {
    return ::geteuid();
}

void make_shared_directory(const std::string& path) {
    constexpr mode_t k_mode = 02770;
    // The usual case is one look.
    if (const auto there = status_at(k_cwd, path); there && there->type == FileType::directory)
        return;
    if (!make_directory_at(k_cwd, path, 0770))
        return;
    const Fd fd = open_directory(path);
    give_to_group(fd.get(), "nodespool");
    set_mode(fd.get(), k_mode, path);
    sync_directory(std::string(parent_of(path)));
}

void set_mode(int fd, mode_t mode, std::string_view path_for_errors) {
    if (::fchmod(fd, mode) != 0)
        throw_errno("set the mode of " + std::string(path_for_errors));
}

std::uint64_t random_64_bits() {
    std::uint64_t bits = 0;
    if (retry_eintr([&] { return ::getrandom(&bits, sizeof bits, 0); }) != static_cast<ssize_t>(sizeof bits))
        throw_errno("read the random source");
    return bits;
}

std::size_t raise_open_file_limit(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        throw_errno("read the limit of open files");
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : static_cast<rlim_t>(wanted);
        ::setrlimit(RLIMIT_NOFILE, &limit);
        ::getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

std::size_t within_open_file_limit(std::size_t wanted, std::size_t each) {
    constexpr std::size_t k_all_else = 32;
    const std::size_t limit = raise_open_file_limit(wanted * each + k_all_else);
    const std::size_t usable = limit - std::min(k_all_else, limit / 2);
    return std::clamp<std::size_t>(usable / each, 1, wanted);
}

} // namespace nodespool::base
