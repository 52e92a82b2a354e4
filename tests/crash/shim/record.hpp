// The log of changes from which the states that a power cut may leave are rebuilt.
//
// One record a change, in the order in which they happened over all threads of the process: a line of words
// separated by blanks, then, where the line's last word is `+N`, N bytes of data and a newline. Files and
// directories are named by inode number; NAME is encoded as %XX for bytes that are no letter, digit or
// one of `._-`.
//
//     create DIR NAME INODE        a regular file, or a directory (mkdir)
//     mkdir DIR NAME INODE
//     write INODE OFFSET +N        data
//     truncate INODE SIZE
//     rename DIR NAME DIR NAME INODE
//     link DIR NAME INODE
//     unlink DIR NAME INODE
//     rmdir DIR NAME INODE
//     sync INODE                   fsync(2), fdatasync(2)
//     syncfs
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <mutex>

namespace shim {

/// Where an entry stands. `inode` is that of what it names; 0: nothing.
struct Entry {
    ino_t directory = 0;
    const char* name = nullptr; ///< the last component of the path
    ino_t inode = 0;
};

Entry entry_at(int directory, const char* path);
ino_t inode_of(int fd);

/// Held around a change and its record, so that the log has the order of the changes. Does nothing where
/// nothing is recorded.
class Recording {
  public:
    Recording();
    [[nodiscard]] bool is_on() const { return m_lock.owns_lock(); }

    void entry(const char* what, const Entry& entry);
    void rename(const Entry& from, const Entry& to);
    void write(ino_t inode, off_t offset, const void* data, std::size_t size);
    void truncate(ino_t inode, off_t size);
    void sync(ino_t inode);
    void sync_all();

  private:
    std::unique_lock<std::mutex> m_lock;
};

} // namespace shim
