// News of files anywhere below a directory (inotify): written and closed, or moved into place.
#pragma once

#include "base/fd.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nodespool::base {

/// One thread waits; any thread may wake it. Directories that come up later are watched too. Nothing that
/// lies behind a symbolic link is. Memory: an entry a directory.
class TreeWatch {
  public:
    /// Watches what is there.
    /// @param enters  shall a directory or file of this path (relative to @p root) be heard of?
    TreeWatch(const std::string& root, std::function<bool(const std::string& path)> enters);

    struct News {
        std::vector<std::string> files; ///< relative to the root; one may come more than once
        /// New names, of whatever type: of a file that was just opened to be written, and is told of in
        /// `files` when it is closed; or a hard link to one that is finished.
        std::vector<std::string> names;
        bool is_complete = true; ///< false: the kernel lost count of them
    };
    /// Waits until something came in, wake() was called, or @p longest has passed. Files of a directory that
    /// is new are told of as they are found in it: they may be unfinished, and are told of again then.
    /// @throws base::Error io: the root itself went away; seen where nothing else came in
    News wait(std::chrono::milliseconds longest);
    void wake();

    /// Directories that could not be watched or read: the kernel's limit (fs.inotify.max_user_watches), no
    /// permission, an error of the disk.
    [[nodiscard]] std::size_t unwatched() const { return m_unwatched; }

  private:
    enum class Tell { no, yes };
    void watch_tree(const std::string& path, Tell files, News& news);
    void watch_one(const std::string& directory, Tell files, News& news,
                   std::vector<std::string>& directories);
    [[nodiscard]] std::optional<int> watch_directory(int fd) const;
    void require_root() const;
    void forget_tree(const std::string& path);
    void take(std::string_view bytes, News& news);
    void take_one(int watch, unsigned mask, std::string_view name, News& news);

    std::string m_root;
    std::function<bool(const std::string&)> m_enters;
    Fd m_root_fd;
    Fd m_inotify;
    Fd m_wake;
    std::unordered_map<int, std::string> m_paths; ///< by watch
    std::size_t m_unwatched = 0;
};

} // namespace nodespool::base
