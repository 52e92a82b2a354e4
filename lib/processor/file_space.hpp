// The file space: the tree that uploads come into, and in which nothing that an uploading user plants is
// followed.
#pragma once

#include "base/clock.hpp"
#include "base/file_system.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace nodespool::processor {

/// Is somebody still writing to a file?
enum class Rest {
    quiet,        ///< nobody has it open for writing
    being_written ///< somebody has, or nobody can tell and it has not rested long enough
};

/// Every look goes through openat2(2) below the file space (RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS).
/// Thread-safe.
class FileSpace {
  public:
    /// @param quiet  how long a file must rest where the kernel cannot tell who writes to it
    FileSpace(const std::string& directory, std::chrono::seconds quiet, const base::Clock& clock);

    struct Found {
        std::optional<base::FileStatus> status; ///< of a regular file
        std::string why_not;                    ///< else: "no such file", "a symbolic link", ...
        bool missing = false;                   ///< there is nothing of that name at all
        bool not_allowed = false;               ///< this user may not look
    };
    [[nodiscard]] Found look(const std::string& path) const;

    struct Opened {
        /// Not open: found.why_not says why; or, where found.status is there, somebody holds a lease on it,
        /// and rest_of() says that it is being written.
        base::Fd fd;
        Found found;
    };
    [[nodiscard]] Opened open(const std::string& path) const;

    /// Of what open() found.
    [[nodiscard]] Rest rest_of(int fd, const base::FileStatus& status) const;

    /// The directory that holds @p path, to rename and unlink in; nullopt where it is no longer there.
    [[nodiscard]] std::optional<base::Fd> open_parent(const std::string& path) const;

    /// "" is the file space itself; nullopt where it is not there.
    [[nodiscard]] std::optional<base::Fd> open_directory(const std::string& directory) const;

    [[nodiscard]] int fd() const { return m_dir.get(); }
    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] const base::Clock& clock() const { return *m_clock; }
    [[nodiscard]] std::chrono::seconds quiet() const { return m_quiet; }

  private:
    [[nodiscard]] Found look_at_top(const std::string& name) const;

    std::string m_path;
    std::chrono::seconds m_quiet;
    const base::Clock* m_clock;
    base::Fd m_dir;
};

/// The directories of a group of files, each opened once. For as long as a group takes: who renames a
/// directory meanwhile finds the rest of the group done in it, under its new name. Not thread-safe.
class ParentDirectories {
  public:
    explicit ParentDirectories(const FileSpace& files) : m_files(&files) {}
    /// The directory that holds @p path; nullopt where it is not there. Good until the next call.
    [[nodiscard]] std::optional<int> of(const std::string& path);
    [[nodiscard]] const FileSpace& files() const { return *m_files; }

  private:
    const FileSpace* m_files;
    std::map<std::string, std::optional<base::Fd>, std::less<>> m_open;
};

/// What the names of such files begin with.
inline constexpr std::string_view k_hidden_prefix = ".nodespool-";
/// The name that a file has while it is taken away: `.nodespool-HASH` beside it, by its cluster path.
std::string hidden_name(const std::string& path);

} // namespace nodespool::processor
