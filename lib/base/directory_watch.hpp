// News from directories: files that came into them or were written, hidden ones left out (inotify).
#pragma once

#include "base/fd.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace nodespool::base {

/// One thread waits; any thread may wake it.
class DirectoryWatch {
  public:
    /// All @p directories must be there. That one of @p held is moved away is news, too; what comes into
    /// these is none.
    explicit DirectoryWatch(const std::vector<std::string>& directories,
                            const std::vector<std::string>& held = {});

    /// Waits until there is news, wake() was called, or @p longest has passed. true: there is news.
    bool wait(std::chrono::milliseconds longest);
    void wake();

  private:
    Fd m_inotify;
    Fd m_wake;
};

} // namespace nodespool::base
