// A write lease on a file, as Samba and NFS servers take them for their clients.
#pragma once

#include "base/file_system.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <csignal>
#include <string>

namespace nodespool::test {

/// Who opens the file meanwhile must wait, or is refused.
class WriteLease {
  public:
    explicit WriteLease(const std::string& path) : m_fd(base::open_at(base::k_cwd, path, O_RDWR)) {
        (void)std::signal(SIGIO, SIG_IGN); // somebody wants to open it
        REQUIRE(::fcntl(m_fd.get(), F_SETLEASE, F_WRLCK) == 0);
    }

  private:
    base::Fd m_fd;
};

} // namespace nodespool::test
