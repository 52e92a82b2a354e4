// The interposed functions that read: nothing changes by them, but on a disk that dies they fail first.
//
// As in calls.cpp, both spellings of pread(2) are defined: no header may turn one into the other.
#undef _FILE_OFFSET_BITS

#include "plan.hpp"
#include "real.hpp"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

using shim::Plan;
using shim::real;

namespace {

/// Of the world that is under test: not a library's own files, nor those of /proc.
bool is_file_of_world(int fd) {
    struct stat status {};
    if (real(SYS_fstat, fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    std::array<char, PATH_MAX> target{};
    const long length =
        real(SYS_readlink, ("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
    return length > 0 &&
           std::string_view(target.data(), static_cast<std::size_t>(length)).starts_with(Plan::get().world());
}

bool fails(int fd) {
    if (!Plan::get().counts(shim::k_read))
        return false;
    const int saved = errno;
    const bool is_counted = is_file_of_world(fd);
    errno = saved;
    return is_counted && Plan::get().before(shim::k_read) == shim::Then::fail;
}

} // namespace

extern "C" {

ssize_t read(int fd, void* into, size_t size) {
    return fails(fd) ? -1 : real(SYS_read, fd, into, size);
}

ssize_t pread(int fd, void* into, size_t size, off_t offset) {
    return fails(fd) ? -1 : real(SYS_pread64, fd, into, size, offset);
}

ssize_t pread64(int fd, void* into, size_t size, off_t offset) {
    return ::pread(fd, into, size, offset);
}
}
