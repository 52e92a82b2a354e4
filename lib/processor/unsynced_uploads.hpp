// Uploads that could not be written to disk: `.state/unsynced/`.
#pragma once

#include "base/file_system.hpp"

#include <string>
#include <vector>

namespace nodespool::processor {

/// Linux tells of a failed write once: the next fsync(2) of the file succeeds, and what was lost stays lost.
/// So an upload whose fsync failed is remembered, and not queued as it stands, whatever its name is by then.
/// It is good again when it was written anew (a later time or another size), or is another file.
///
/// Each is a file `INODE_BIRTHTIME_SIZE_MTIME` that holds the upload's path, for people.
class UnsyncedUploads {
  public:
    explicit UnsyncedUploads(const std::string& cluster_root);

    /// Is this a file that could not be written to disk, as it was then? Its time may be an earlier one: the
    /// client has set it since.
    [[nodiscard]] bool contains(const base::FileStatus& status) const;
    /// Remembers it, on disk as far as that still works: what fails is logged.
    void add(const std::string& path, const base::FileStatus& status) noexcept;
    /// The file, as it is now, was written to disk: forgets what it was before. What fails is logged.
    void forget(const base::FileStatus& status) noexcept;

  private:
    struct Unsynced {
        std::string name; ///< in the directory
        ino_t inode = 0;
        base::Timestamp btime;
        std::uint64_t size_bytes = 0;
        base::Timestamp mtime;

        [[nodiscard]] bool is_of(const base::FileStatus& status) const {
            return inode == status.inode && btime == status.btime;
        }
    };
    static std::optional<Unsynced> parse(const std::string& name);

    std::string m_root;
    std::vector<Unsynced> m_uploads; ///< few, if any
};

} // namespace nodespool::processor
