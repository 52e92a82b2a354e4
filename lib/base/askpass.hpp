// A password for a child process that asks for one by an SSH_ASKPASS program.
#pragma once

#include "base/fd.hpp"

#include <string>
#include <string_view>

namespace nodespool::base {

/// A script in memory that prints a password: it is in no file, argument list or environment, and gone with
/// this object. Only this user can read it, through this process's descriptor (/proc/PID/fd/N), which no
/// child inherits.
///
/// It answers only a direct child of this process, so that the `ssh` of a jump host is not given the password
/// of the host behind it, and never a question for "yes" or for the passphrase of a key.
class Askpass {
  public:
    /// @throws SystemError where the kernel makes no executable file in memory (sysctl vm.memfd_noexec)
    explicit Askpass(std::string_view password);

    /// For SSH_ASKPASS, as long as this object lives.
    [[nodiscard]] std::string path() const;

  private:
    Fd m_script;
};

} // namespace nodespool::base
