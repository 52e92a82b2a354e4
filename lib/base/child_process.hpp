// Another program, run as a filter: pipes on its standard input and output.
#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace nodespool::base {

/// What became of a child process.
struct ChildEnd {
    int exit_status = 0; ///< meaningless where a signal ended it
    int signal = 0;      ///< 0: none

    [[nodiscard]] bool is_success() const { return signal == 0 && exit_status == 0; }
    /// "exit status 2", "killed by signal 9".
    [[nodiscard]] std::string text() const;
};

/// Where a child's standard error goes: into memory, for ChildProcess::complaint(), or where this process's
/// own goes. `bounded`: into memory, and once that is 64 KiB its writes fail.
enum class Complaints { kept, bounded, passed_on };

/// Does the child belong to this process's terminal? `none`: Ctrl-C does not reach it, and it can ask nothing
/// there; what it started itself is told to end with it.
enum class Terminal { shared, none };

/// A running program. It inherits no descriptor but its standard streams and no blocked or ignored signal,
/// whatever else this process has open or runs in other threads. Destroyed before it was waited for, it is
/// told to end (SIGTERM) and waited for.
class ChildProcess {
  public:
    /// @param arguments  the program, looked for in PATH, and its arguments
    /// @param variables  `NAME=VALUE`, set in its environment on top of this process's own
    /// @throws SystemError where it cannot be started
    ChildProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& variables,
                 Complaints complaints = Complaints::kept, Terminal terminal = Terminal::shared);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();

    /// To its standard input. A write after it has ended fails with EPIPE.
    [[nodiscard]] int input() const { return m_input.get(); }
    void close_input() { m_input.reset(); }
    /// From its standard output.
    [[nodiscard]] int output() const { return m_output.get(); }

    /// Closes both pipes and waits until it has ended.
    ChildEnd wait();
    /// The same, but a child that has not ended after @p patience is told to end.
    ChildEnd wait_or_end(std::chrono::milliseconds patience);
    /// Tells it to end (SIGTERM), and kills it where it has not after @p patience.
    ChildEnd end(std::chrono::milliseconds patience);
    /// What it wrote to its standard error, cut to 4 KiB. All of it is there once wait() has returned.
    [[nodiscard]] std::string complaint() const;

  private:
    bool ends_within(std::chrono::milliseconds patience) const;
    void tell(int signal) const;

    Fd m_input;
    Fd m_output;
    Fd m_errors; ///< a file in memory: unlike a pipe it never fills up
    Terminal m_terminal;
    pid_t m_process = -1;
    ChildEnd m_end;
};

} // namespace nodespool::base
