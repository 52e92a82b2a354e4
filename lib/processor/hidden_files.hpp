// Which paths need a look for a hidden file of theirs: spares a queue file of many stale jobs most of them.
#pragma once

#include "processor/file_space.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace nodespool::processor {

/// Once a claimed queue file has led to many looks in one directory, the directory is listed instead, as far
/// as that is no dearer than the looks were. What such a list lacks was hidden after the claim: by a run
/// whose own job is another line of the queue, unticked, and settles it, or by delete, as if it had come a
/// moment after this job. Memory is bounded. Not thread-safe.
class HiddenFiles {
  public:
    explicit HiddenFiles(const FileSpace& files) : m_files(&files) {}

    /// false: @p path has no hidden file that was there when the queue file was claimed. true: look.
    /// @param claim  stands for the claim of the queue file; its end is noticed, it is not kept alive
    bool may_have(const std::string& path, const std::shared_ptr<const void>& claim);

  private:
    struct Directory {
        std::size_t looks = 0;
        std::size_t next_listing;
        bool is_listed = false;
        std::set<std::string> hidden;
    };
    void try_to_list(const std::string& path, Directory& directory) const;

    const FileSpace* m_files;
    std::weak_ptr<const void> m_claim;
    std::map<std::string, Directory, std::less<>> m_directories; ///< by cluster path, of m_claim
};

} // namespace nodespool::processor
