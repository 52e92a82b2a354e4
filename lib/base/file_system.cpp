// Looking, opening, reading and writing: checked system calls.
#include "base/file_system.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/fs_call.hpp"
#include "base/fs_observer.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nodespool::base {

const int k_cwd = AT_FDCWD;

namespace {

Timestamp from_statx(const struct statx_timestamp& time) {
    return {time.tv_sec, time.tv_nsec};
}

FileStatus from_statx(const struct statx& raw) {
    FileStatus status;
    if (S_ISREG(raw.stx_mode))
        status.type = FileType::regular;
    else if (S_ISDIR(raw.stx_mode))
        status.type = FileType::directory;
    else if (S_ISLNK(raw.stx_mode))
        status.type = FileType::symlink;
    status.device = (static_cast<dev_t>(raw.stx_dev_major) << 32U) | raw.stx_dev_minor;
    status.inode = raw.stx_ino;
    status.size_bytes = raw.stx_size;
    status.mtime = from_statx(raw.stx_mtime);
    status.ctime = from_statx(raw.stx_ctime);
    if ((raw.stx_mask & STATX_BTIME) != 0)
        status.btime = from_statx(raw.stx_btime);
    status.mode = raw.stx_mode & 07777U;
    status.uid = raw.stx_uid;
    status.gid = raw.stx_gid;
    status.links = raw.stx_nlink;
    return status;
}

bool is_missing(int code) {
    return code == ENOENT || code == ENOTDIR;
}

} // namespace

void Fd::reset() {
    if (m_fd >= 0)
        ::close(m_fd);
    m_fd = -1;
}

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        m_fd = std::exchange(other.m_fd, -1);
    }
    return *this;
}

double FileStatus::rested_s(Timestamp now) const {
    constexpr double k_day_s = 86400; // servers of network file systems are not that wrong
    const double rested = seconds_between(mtime <= now && mtime > ctime ? mtime : ctime, now);
    return rested < -k_day_s ? k_day_s : rested;
}

FileStatus status_of(int fd, std::string_view path_for_errors) {
    struct statx raw {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0)
        throw_errno("stat " + std::string(path_for_errors));
    return from_statx(raw);
}

std::optional<FileStatus> status_at(int dir_fd, const std::string& path) {
    struct statx raw {};
    if (::statx(dir_fd, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &raw) == 0)
        return from_statx(raw);
    if (is_missing(errno))
        return std::nullopt;
    throw_errno("stat " + path);
}

Replaced::Replaced(const std::string& path)
    : Error(ErrorClass::io, path + " was replaced while this program ran: start it again") {}

void ensure_in_place(const HeldDirectory& held) {
    struct statx named {};
    const bool is_there = ::statx(AT_FDCWD, held.path.c_str(), 0, STATX_BASIC_STATS, &named) == 0;
    if (!is_there && !is_missing(errno))
        throw_errno("stat " + held.path);
    if (!is_there || !from_statx(named).is_same_file(status_of(held.fd, held.path)))
        throw Replaced(held.path);
}

Fd open_at(int dir_fd, const std::string& path, int flags, mode_t mode) {
    if ((flags & O_CREAT) != 0)
        announce(FsCall::create, path);
    const int fd = retry_eintr([&] { return ::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode); });
    if (fd < 0)
        throw_errno("open " + path);
    return Fd(fd);
}

std::optional<Fd> try_open_at(int dir_fd, const std::string& path, int flags) {
    const int fd = retry_eintr([&] { return ::openat(dir_fd, path.c_str(), flags | O_CLOEXEC); });
    if (fd >= 0)
        return Fd(fd);
    if (is_missing(errno))
        return std::nullopt;
    throw_errno("open " + path);
}

std::optional<Fd> try_open_regular(int dir_fd, const std::string& path) {
    constexpr int k_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    Fd fd(retry_eintr([&] { return ::openat(dir_fd, path.c_str(), k_flags); }));
    if (!fd.is_open()) {
        if (is_missing(errno) || errno == ELOOP || errno == ENXIO) // ELOOP: a link; ENXIO: a socket
            return std::nullopt;
        throw_errno("open " + path);
    }
    if (status_of(fd.get(), path).type != FileType::regular)
        return std::nullopt;
    return fd;
}

Fd open_directory(const std::string& path) {
    return open_at(k_cwd, path, O_RDONLY | O_DIRECTORY);
}

Fd open_directory_if_there(const std::string& path) {
    std::optional<Fd> fd = try_open_at(k_cwd, path, O_RDONLY | O_DIRECTORY);
    return fd ? std::move(*fd) : Fd();
}

namespace {

/// The descriptor, or -1 and errno.
int open_resolving_beneath(int dir_fd, const std::string& path, int flags) {
    struct open_how how {};
    how.flags = static_cast<std::uint64_t>(flags);
    if (!is_broken(Break::symlinks_followed))
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: a rename or mount raced with the walk, so that the kernel could not vouch for it (openat2(2)).
    for (int tries = 0;; ++tries) {
        const auto fd = static_cast<int>(::syscall(SYS_openat2, dir_fd, path.c_str(), &how, sizeof how));
        if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || tries > 100)))
            return fd;
    }
}

constexpr int k_find_flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;

/// What stayed EAGAIN: a lease refuses those who don't wait, but never a mere handle.
[[noreturn]] void throw_try_again(int dir_fd, const std::string& path, int flags) {
    const bool is_there =
        flags != k_find_flags && Fd(open_resolving_beneath(dir_fd, path, k_find_flags)).is_open();
    if (is_there)
        throw LeaseHeld("open " + path + " (another process holds a lease on it)", EAGAIN);
    throw SystemError("open " + path, EAGAIN);
}

BeneathResult resolve_beneath(int dir_fd, const std::string& path, int flags) {
    if (const int fd = open_resolving_beneath(dir_fd, path, flags); fd >= 0)
        return {Fd(fd), {}};
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO: // a FIFO or socket, opened without blocking
        return {Fd(), NotOpened::missing};
    case ELOOP:
    case EXDEV:
        return {Fd(), NotOpened::symlink_or_escape};
    case EACCES:
    case EPERM:
        return {Fd(), NotOpened::not_allowed};
    case EAGAIN:
        throw_try_again(dir_fd, path, flags);
    default:
        throw_errno("open " + path);
    }
}

} // namespace

BeneathResult open_beneath(int dir_fd, const std::string& path, int flags) {
    return resolve_beneath(dir_fd, path, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

BeneathResult find_beneath(int dir_fd, const std::string& path) {
    return resolve_beneath(dir_fd, path, k_find_flags);
}

std::optional<Fd> reopen_same(int dir_fd, const std::string& name, const FileStatus& same_as, int flags) {
    std::optional<Fd> fd = try_open_at(dir_fd, name, flags | O_NOFOLLOW | O_NONBLOCK);
    if (fd && !status_of(fd->get(), name).is_same_file(same_as))
        fd.reset();
    return fd;
}

std::size_t read_some(int fd, char* into, std::size_t size, std::string_view path_for_errors) {
    const auto got = retry_eintr([&] { return ::read(fd, into, size); });
    if (got < 0)
        throw_errno("read " + std::string(path_for_errors));
    return static_cast<std::size_t>(got);
}

std::size_t read_some_at(int fd, char* into, std::size_t size, std::uint64_t offset,
                         std::string_view path_for_errors) {
    const auto got = retry_eintr([&] { return ::pread(fd, into, size, static_cast<off_t>(offset)); });
    if (got < 0)
        throw_errno("read " + std::string(path_for_errors));
    return static_cast<std::size_t>(got);
}

std::string read_whole(int fd, std::size_t limit_bytes, std::string_view path_for_errors) {
    std::string text;
    std::size_t filled = 0;
    for (;;) {
        text.resize(filled + 65536);
        const std::size_t got = read_some(fd, text.data() + filled, text.size() - filled, path_for_errors);
        filled += got;
        if (filled > limit_bytes)
            throw Error(ErrorClass::bad_input, std::string(path_for_errors) + ": found more than " +
                                                   std::to_string(limit_bytes) +
                                                   " bytes, expected a smaller file");
        if (got == 0)
            break;
    }
    text.resize(filled);
    return text;
}

void write_all(int fd, std::string_view bytes, std::string_view path_for_errors) {
    while (!bytes.empty()) {
        announce(FsCall::write, path_for_errors);
        const auto written = retry_eintr([&] { return ::write(fd, bytes.data(), bytes.size()); });
        if (written < 0)
            throw_errno("write " + std::string(path_for_errors));
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void write_all_at(int fd, std::string_view bytes, std::uint64_t offset, std::string_view path_for_errors) {
    while (!bytes.empty()) {
        announce(FsCall::write, path_for_errors);
        const auto written =
            retry_eintr([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
        if (written < 0)
            throw_errno("write " + std::string(path_for_errors));
        bytes.remove_prefix(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
}

void truncate_to(int fd, std::uint64_t size, std::string_view path_for_errors) {
    announce(FsCall::truncate, path_for_errors);
    if (retry_eintr([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) != 0)
        throw_errno("truncate " + std::string(path_for_errors));
}

void start_writeback(int fd) {
    ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void sync_file(int fd, std::string_view path_for_errors) {
    announce(FsCall::sync, path_for_errors);
    if (::fsync(fd) != 0 && !(is_broken(Break::failed_sync_retried) && ::fsync(fd) == 0))
        throw_errno("fsync " + std::string(path_for_errors));
}

void sync_file_system(int fd, std::string_view path_for_errors) {
    announce(FsCall::sync, path_for_errors);
    if (::syncfs(fd) != 0)
        throw_errno("syncfs " + std::string(path_for_errors));
}

void sync_directory(int dir_fd, std::string_view path_for_errors) {
    sync_file(dir_fd, path_for_errors);
}

void sync_directory(const std::string& path) {
    const Fd fd = open_directory(path);
    sync_directory(fd.get(), path);
}

} // namespace nodespool::base
