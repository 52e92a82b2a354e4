// The interposed functions of the C library: those that change state, and those whose failure matters.
//
// Everything not named here goes to the kernel uncounted. A call that this library does not know and that
// changes a file (splice(2), copy_file_range(2), ...) ends the process, so that no record is wrong silently.
// Both spellings of open(2) and its like are defined below: no header may turn one into the other.
#undef _FILE_OFFSET_BITS

#include "losses.hpp"
#include "plan.hpp"
#include "real.hpp"
#include "record.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

using shim::Entry;
using shim::entry_at;
using shim::inode_of;
using shim::Plan;
using shim::real;
using shim::Recording;
using shim::Then;

namespace {

/// What a descriptor is to a write(2).
enum class Target { file, node, other };

Target target_of(int fd) {
    struct stat status {};
    const int saved = errno;
    const long result = real(SYS_fstat, fd, &status);
    errno = saved;
    if (result != 0 || fd == STDERR_FILENO)
        return Target::other;
    if (S_ISREG(status.st_mode))
        return Target::file;
    return fd > STDERR_FILENO && (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode)) ? Target::node
                                                                                        : Target::other;
}

bool fails(shim::Kind kind) {
    return Plan::get().is_on() && Plan::get().before(kind) == Then::fail;
}

/// @p open  does it; what follows is for the record
template <typename Open>
int open_counted(int directory, const char* path, std::uint64_t flags, Open open) {
    if (!Plan::get().is_on())
        return static_cast<int>(open());
    const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if (fails(changes ? shim::k_create : shim::k_open))
        return -1;
    if (!changes)
        return static_cast<int>(open());
    Recording recording;
    const Entry before = recording.is_on() || Plan::get().loses() ? entry_at(directory, path) : Entry();
    const auto fd = static_cast<int>(open());
    if (fd >= 0 && before.inode == 0 && Plan::get().loses())
        shim::note_new_file(fd);
    if (fd < 0 || !recording.is_on())
        return fd;
    if (before.inode == 0)
        recording.entry("create", entry_at(directory, path));
    else if ((flags & O_TRUNC) != 0)
        recording.truncate(before.inode, 0);
    return fd;
}

int do_openat(int directory, const char* path, int flags, mode_t mode) {
    return open_counted(directory, path, static_cast<unsigned>(flags),
                        [&] { return real(SYS_openat, directory, path, flags, mode); });
}

/// write(2) and its relatives. @p write  writes at most so many bytes
template <typename Write>
ssize_t write_counted(int fd, const void* data, std::size_t size, off_t offset, Write write) {
    const Target target = Plan::get().is_on() ? target_of(fd) : Target::other;
    if (target == Target::other)
        return write(size);
    const Then then = Plan::get().before(target == Target::file ? shim::k_write : shim::k_send);
    if (then == Then::fail)
        return -1;
    const std::size_t most = then == Then::be_short && size > 1 ? size / 2 : size;
    if (target == Target::node)
        return write(most);
    Recording recording;
    const ssize_t written = write(most);
    if (written > 0 && recording.is_on())
        recording.write(inode_of(fd), offset >= 0 ? offset : real(SYS_lseek, fd, 0, SEEK_CUR) - written, data,
                        static_cast<std::size_t>(written));
    return written;
}

int do_renameat(int from, const char* old_path, int to, const char* new_path, unsigned flags) {
    if (fails(shim::k_rename))
        return -1;
    Recording recording;
    const Entry source = recording.is_on() ? entry_at(from, old_path) : Entry();
    const auto result = static_cast<int>(real(SYS_renameat2, from, old_path, to, new_path, flags));
    if (result == 0 && recording.is_on())
        recording.rename(source, entry_at(to, new_path));
    return result;
}

int do_unlinkat(int directory, const char* path, int flags) {
    const bool is_directory = (flags & AT_REMOVEDIR) != 0;
    if (fails(is_directory ? shim::k_directory : shim::k_unlink))
        return -1;
    Recording recording;
    const Entry gone = recording.is_on() ? entry_at(directory, path) : Entry();
    const auto result = static_cast<int>(real(SYS_unlinkat, directory, path, flags));
    if (result == 0 && recording.is_on())
        recording.entry(is_directory ? "rmdir" : "unlink", gone);
    return result;
}

int do_mkdirat(int directory, const char* path, mode_t mode) {
    if (fails(shim::k_directory))
        return -1;
    Recording recording;
    const auto result = static_cast<int>(real(SYS_mkdirat, directory, path, mode));
    if (result == 0 && recording.is_on())
        recording.entry("mkdir", entry_at(directory, path));
    return result;
}

int do_linkat(int from, const char* old_path, int to, const char* new_path, int flags) {
    if (fails(shim::k_link))
        return -1;
    Recording recording;
    const auto result = static_cast<int>(real(SYS_linkat, from, old_path, to, new_path, flags));
    if (result == 0 && recording.is_on())
        recording.entry("link", entry_at(to, new_path));
    return result;
}

int do_sync(long call, int fd) {
    const shim::Scope scope = call == SYS_syncfs ? shim::Scope::all_files : shim::Scope::one_file;
    if (fails(shim::k_sync)) {
        if (Plan::get().loses())
            shim::lose(fd, scope);
        return -1;
    }
    Recording recording;
    const auto result = static_cast<int>(real(call, fd));
    if (result == 0 && Plan::get().loses())
        shim::note_synced(fd, scope);
    if (result == 0 && recording.is_on()) {
        if (call == SYS_syncfs)
            recording.sync_all();
        else
            recording.sync(inode_of(fd));
    }
    return result;
}

mode_t mode_of(int flags, std::va_list list) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
}

std::string& standard_output() {
    static auto* const kept = new std::string; // flushed after destructors have run, so never destroyed
    return *kept;
}

[[noreturn]] void unknown(const char* name) {
    std::fprintf(stderr, "crash shim: %s() is not covered\n", name);
    std::_Exit(99);
}

} // namespace

extern "C" {

int openat(int directory, const char* path, int flags, ...) {
    std::va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return do_openat(directory, path, flags, mode);
}

int open(const char* path, int flags, ...) {
    std::va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return do_openat(AT_FDCWD, path, flags, mode);
}

int openat64(int directory, const char* path, int flags, ...) {
    std::va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return do_openat(directory, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    std::va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return do_openat(AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
    return write_counted(fd, data, size, -1,
                         [&](std::size_t most) { return real(SYS_write, fd, data, most); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
    return write_counted(fd, data, size, offset,
                         [&](std::size_t most) { return real(SYS_pwrite64, fd, data, most, offset); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
    return ::pwrite(fd, data, size, offset);
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
    return write_counted(fd, data, size, -1, [&](std::size_t most) {
        return real(SYS_sendto, fd, data, most, flags, nullptr, 0);
    });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    if (fails(shim::k_send))
        return -1;
    return real(SYS_sendmsg, fd, message, flags);
}

ssize_t writev(int fd, const iovec* parts, int count) {
    std::string all;
    for (int i = 0; i < count; ++i)
        all.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    return ::write(fd, all.data(), all.size());
}

/// Standard output of a program goes through stdio, whose own write(2) cannot be interposed: here it is kept,
/// and written at the flush.
size_t fwrite(const void* data, size_t size, size_t count, FILE* stream) {
    using Function = size_t (*)(const void*, size_t, size_t, FILE*);
    static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "fwrite"));
    if (stream != stdout || !Plan::get().is_on())
        return next(data, size, count, stream);
    standard_output().append(static_cast<const char*>(data), size * count);
    return count;
}

int fflush(FILE* stream) {
    using Function = int (*)(FILE*);
    static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "fflush"));
    std::string& kept = standard_output();
    while ((stream == stdout || stream == nullptr) && !kept.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, kept.data(), kept.size());
        if (written < 0 && errno != EINTR)
            return EOF;
        kept.erase(0, written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    return next(stream);
}

int rename(const char* from, const char* to) {
    return do_renameat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from, const char* old_path, int to, const char* new_path) {
    return do_renameat(from, old_path, to, new_path, 0);
}

int renameat2(int from, const char* old_path, int to, const char* new_path, unsigned flags) {
    return do_renameat(from, old_path, to, new_path, flags);
}

int link(const char* from, const char* to) {
    return do_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from, const char* old_path, int to, const char* new_path, int flags) {
    return do_linkat(from, old_path, to, new_path, flags);
}

int unlink(const char* path) {
    return do_unlinkat(AT_FDCWD, path, 0);
}

int unlinkat(int directory, const char* path, int flags) {
    return do_unlinkat(directory, path, flags);
}

int rmdir(const char* path) {
    return do_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char* path, mode_t mode) {
    return do_mkdirat(AT_FDCWD, path, mode);
}

int mkdirat(int directory, const char* path, mode_t mode) {
    return do_mkdirat(directory, path, mode);
}

int ftruncate(int fd, off_t size) {
    if (target_of(fd) == Target::file && fails(shim::k_truncate))
        return -1;
    Recording recording;
    const auto result = static_cast<int>(real(SYS_ftruncate, fd, size));
    if (result == 0 && recording.is_on())
        recording.truncate(inode_of(fd), size);
    return result;
}

int ftruncate64(int fd, off_t size) {
    return ::ftruncate(fd, size);
}

int fsync(int fd) {
    return do_sync(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return do_sync(SYS_fdatasync, fd);
}

int syncfs(int fd) {
    return do_sync(SYS_syncfs, fd);
}

int socket(int domain, int type, int protocol) {
    if (fails(shim::k_open))
        return -1;
    return static_cast<int>(real(SYS_socket, domain, type, protocol));
}

int pipe2(int* ends, int flags) {
    if (fails(shim::k_open))
        return -1;
    return static_cast<int>(real(SYS_pipe2, ends, flags));
}

/// openat2(2) has no function of its own.
long syscall(long number, ...) {
    std::va_list list;
    va_start(list, number);
    long arguments[6];
    for (long& argument : arguments)
        argument = va_arg(list, long);
    va_end(list);
    const auto go = [&] {
        return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                    arguments[5]);
    };
    if (number != SYS_openat2)
        return go();
    const auto* const how = reinterpret_cast<const open_how*>(arguments[2]);
    return open_counted(static_cast<int>(arguments[0]), reinterpret_cast<const char*>(arguments[1]),
                        how->flags, go);
}

ssize_t copy_file_range(int, off_t*, int, off_t*, size_t, unsigned) {
    unknown("copy_file_range");
}

ssize_t pwritev(int, const iovec*, int, off_t) {
    unknown("pwritev");
}

int fallocate(int, int, off_t, off_t) {
    unknown("fallocate");
}

int truncate(const char*, off_t) {
    unknown("truncate");
}

int symlink(const char*, const char*) {
    unknown("symlink");
}

int symlinkat(const char*, int, const char*) {
    unknown("symlinkat");
}
}
