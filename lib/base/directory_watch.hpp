// News from directories: files that came into it or were written, hidden ones left out (inotify).
#pragma once

#include "base/fd.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace nodespool::base {

/// One thread waits; any thread may wake it.
class DirectoryWatch {
  public:
    /// All of them must be there.
    explicit DirectoryWatch(const std::vector<std::string>& directories);

    /// Waits until something came in, wake() was called, or @p longest has passed. true: something came in.
    bool wait(std::chrono::milliseconds longest);
    void wake();

  private:
    Fd m_inotify;
    Fd m_wake;
};

} // namespace nodespool::base
