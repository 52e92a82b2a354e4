// Writing the log.
#include "record.hpp"

#include "plan.hpp"
#include "real.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace shim {

namespace {

std::mutex& mutex() {
    static std::mutex one;
    return one;
}

int log_file() {
    static const int fd = static_cast<int>(real(SYS_openat, AT_FDCWD, Plan::get().record_path().c_str(),
                                                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    return fd;
}

void add(const std::string& text) {
    const int saved = errno;
    for (std::size_t done = 0; done < text.size();) {
        const long written = real(SYS_write, log_file(), text.data() + done, text.size() - done);
        if (written <= 0) {
            std::fprintf(stderr, "crash shim: cannot write the log\n");
            std::_Exit(99);
        }
        done += static_cast<std::size_t>(written);
    }
    errno = saved;
}

std::string encoded(const char* name) {
    std::string text;
    for (const char* at = name; *at != '\0'; ++at) {
        const auto byte = static_cast<unsigned char>(*at);
        char escape[4];
        if (std::isalnum(byte) != 0 || std::strchr("._-", byte) != nullptr) {
            text += *at;
        } else {
            std::snprintf(escape, sizeof escape, "%%%02X", byte);
            text += escape;
        }
    }
    return text;
}

std::string words(const Entry& entry) {
    return std::to_string(entry.directory) + " " + encoded(entry.name);
}

ino_t inode_at(int directory, const char* path, int flags) {
    struct stat status {};
    const int saved = errno;
    const long result = real(SYS_newfstatat, directory, path, &status, flags);
    errno = saved;
    return result == 0 ? status.st_ino : 0;
}

} // namespace

Entry entry_at(int directory, const char* path) {
    Entry entry;
    const char* const slash = std::strrchr(path, '/');
    entry.name = slash == nullptr ? path : slash + 1;
    entry.inode = inode_at(directory, path, AT_SYMLINK_NOFOLLOW);
    if (slash == nullptr)
        entry.directory = directory == AT_FDCWD ? inode_at(AT_FDCWD, ".", 0) : inode_of(directory);
    else
        entry.directory = inode_at(directory, std::string(path, slash + 1).c_str(), 0);
    return entry;
}

ino_t inode_of(int fd) {
    return inode_at(fd, "", AT_EMPTY_PATH);
}

Recording::Recording() {
    if (Plan::get().is_on() && !Plan::get().record_path().empty())
        m_lock = std::unique_lock(mutex());
}

void Recording::entry(const char* what, const Entry& entry) {
    add(std::string(what) + " " + words(entry) + " " + std::to_string(entry.inode) + "\n");
}

void Recording::rename(const Entry& from, const Entry& to) {
    add("rename " + words(from) + " " + words(to) + " " + std::to_string(from.inode) + "\n");
}

void Recording::write(ino_t inode, off_t offset, const void* data, std::size_t size) {
    std::string text =
        "write " + std::to_string(inode) + " " + std::to_string(offset) + " +" + std::to_string(size) + "\n";
    text.append(static_cast<const char*>(data), size);
    add(text + "\n");
}

void Recording::truncate(ino_t inode, off_t size) {
    add("truncate " + std::to_string(inode) + " " + std::to_string(size) + "\n");
}

void Recording::sync(ino_t inode) {
    add("sync " + std::to_string(inode) + "\n");
}

void Recording::sync_all() {
    add("syncfs\n");
}

} // namespace shim
