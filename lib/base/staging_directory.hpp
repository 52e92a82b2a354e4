// A directory of one process for its temporaries: one lock guards them all.
#pragma once

#include "base/fd.hpp"

#include <string>

namespace nodespool::base {

/// Made as `.staging.RANDOM.tmp` in a directory of temporaries, with a locked file `lock` in it. As long as
/// the process lives, clear_abandoned() leaves it alone; after that it removes it with all that is in it.
class StagingDirectory {
  public:
    /// @p parent_fd must stay open as long as this object.
    explicit StagingDirectory(int parent_fd);
    StagingDirectory(const StagingDirectory&) = delete;
    StagingDirectory& operator=(const StagingDirectory&) = delete;
    ~StagingDirectory();

    [[nodiscard]] int fd() const { return m_fd.get(); }

  private:
    bool make();

    int m_parent_fd;
    std::string m_name;
    Fd m_fd;
    Fd m_lock;
};

/// Removes the staging directory @p name of a process that has died. false: its process lives, or it is gone.
bool clear_abandoned_staging(int parent_fd, const std::string& name, int fd);

} // namespace nodespool::base
