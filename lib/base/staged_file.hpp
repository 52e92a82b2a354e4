// The one way by which a file comes into being: written under a temporary name, synced, renamed into place.
#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::base {

enum class Replace { no, yes };

/// What shows that a temporary is being written, so that nobody clears it away.
enum class Guard {
    own_lock,         ///< on the file itself
    staging_directory ///< it lies in a StagingDirectory
};

/// A file under a temporary name. After sync() and rename_to(), and once the target directory is synced, it
/// is durable under its name; a crash before the rename leaves only the temporary, which whoever owns that
/// directory clears away. Destroyed without rename_to(), it removes the temporary.
class StagedFile {
  public:
    /// Creates `.NAME.RANDOM.tmp` in @p dir_fd, which must stay open as long as this object.
    StagedFile(int dir_fd, const std::string& name, mode_t mode, Guard guard = Guard::own_lock);
    StagedFile(StagedFile&& other) noexcept;
    StagedFile& operator=(StagedFile&&) = delete;
    StagedFile(const StagedFile&) = delete;
    StagedFile& operator=(const StagedFile&) = delete;
    ~StagedFile();

    /// Appends; buffered until sync().
    void append(std::string_view bytes);
    /// Everything appended so far is on disk after this.
    void sync();
    /// The rename. Only after sync(). @return false (Replace::no) where the name is taken: the temporary
    /// stays. The caller syncs the target directory.
    bool rename_to(int dir_fd, const std::string& name, Replace replace);

    /// Valid until rename_to() succeeds, which closes it: from then on the file belongs to its readers.
    [[nodiscard]] int fd() const { return m_fd.get(); }
    [[nodiscard]] std::uint64_t size_bytes() const { return m_size_bytes; }

  private:
    friend void sync_together(const std::vector<StagedFile*>& files, std::uint64_t little_dirty_bytes);
    void flush();

    int m_dir_fd;
    std::string m_temporary;
    Fd m_fd;
    std::string m_buffer;
    std::uint64_t m_size_bytes = 0;
    bool m_synced = false;
    bool m_renamed = false;
};

/// Write, fsync, rename to @p name, fsync of the directory: when it returns true, the content is durable
/// there. When it throws or the process dies, the name has its old content or the new one, whole. @return
/// false (Replace::no) where the name is taken.
bool publish(int dir_fd, const std::string& name, std::string_view content, mode_t mode, Replace replace);

/// `.NAME.RRRRRRRRRRRRRRRR.tmp`: two processes may stage the same name, and what other programs leave looks
/// different.
std::string temporary_name(const std::string& name);

/// Removes those of these temporaries and staging directories in the directory that no living process is
/// writing. @return how many
std::size_t clear_abandoned(int dir_fd, std::string_view path_for_errors);

} // namespace nodespool::base
