// Files without a successful fsync, by inode, with a descriptor of their own.
#include "losses.hpp"

#include "real.hpp"
#include "record.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <string>

namespace shim {

namespace {

struct NewFiles {
    std::mutex mutex;
    std::map<ino_t, int> descriptors; ///< for writing
};

NewFiles& new_files() {
    static NewFiles files;
    return files;
}

void close_descriptor(int fd) {
    real(SYS_close, fd);
}

void fill_with_zeros(int fd) {
    struct stat status {};
    if (real(SYS_fstat, fd, &status) != 0)
        return;
    const std::string zeros(static_cast<std::size_t>(status.st_size), '\0');
    real(SYS_pwrite64, fd, zeros.data(), zeros.size(), 0);
}

/// Does @p action with each descriptor that is meant, and forgets it.
template <typename Action>
void take_out(int fd, Scope scope, Action action) {
    const int saved = errno;
    const std::scoped_lock lock(new_files().mutex);
    auto& descriptors = new_files().descriptors;
    const ino_t inode = inode_of(fd);
    for (auto at = descriptors.begin(); at != descriptors.end();) {
        if (scope == Scope::all_files || at->first == inode) {
            action(at->second);
            close_descriptor(at->second);
            at = descriptors.erase(at);
        } else {
            ++at;
        }
    }
    errno = saved;
}

} // namespace

void note_new_file(int fd) {
    const int saved = errno;
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const auto own = static_cast<int>(real(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CLOEXEC));
    const std::scoped_lock lock(new_files().mutex);
    if (own >= 0 && !new_files().descriptors.emplace(inode_of(fd), own).second)
        close_descriptor(own);
    errno = saved;
}

void note_synced(int fd, Scope scope) {
    take_out(fd, scope, [](int) {});
}

void lose(int fd, Scope scope) {
    take_out(fd, scope, fill_with_zeros);
}

} // namespace shim
