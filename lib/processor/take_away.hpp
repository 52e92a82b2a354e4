// Taking a stored upload out of the file space, in two steps, so that nothing written at the last moment is
// lost.
#pragma once

#include "processor/file_space.hpp"

#include <optional>
#include <set>
#include <string>

namespace nodespool::processor {

/// Step one renames the file to a hidden name beside it, so that nobody new can open it. Step two, 100 ms
/// later, looks whether anybody still writes to it or has; only if not is it unlinked. States: table "A
/// stored file" in ARCHITECTURE.md. finish() and sync() one thread at a time.
class TakeAway {
  public:
    explicit TakeAway(const FileSpace& files) : m_files(&files) {}

    enum class Hiding {
        hidden,
        not_there,    ///< gone, or another version stands there by now: nothing was done
        name_is_taken ///< an earlier one was never finished: that must be settled first
    };
    Hiding hide(const std::string& path, const base::FileStatus& version, ParentDirectories& parents) const;

    struct Ending {
        enum class How { removed, put_back, put_beside } how = How::removed;
        std::string path;                       ///< put_beside: its cluster path now
        std::optional<base::FileStatus> status; ///< put_back, put_beside
    };
    /// Unlinks the hidden file of @p path, or puts it back without replacing anything: where its name is
    /// taken, beside it under another. @param version  what it must still be; nullopt: put it back in any
    /// case
    Ending finish(const std::string& path, const std::optional<base::FileStatus>& version,
                  ParentDirectories& parents);

    /// A hidden file of @p path that was never finished.
    [[nodiscard]] std::optional<base::FileStatus> leftover(const std::string& path) const;
    /// Opens it for reading; not open where it is gone.
    [[nodiscard]] base::Fd open_leftover(const std::string& path) const;

    /// The directory entries removed and renamed by finish() since the last call are durable after this.
    void sync();

  private:
    Ending put_back(int parent, const std::string& path) const;

    const FileSpace* m_files;
    std::set<std::string> m_changed; ///< directories, as cluster paths
};

} // namespace nodespool::processor
