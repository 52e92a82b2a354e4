// Faults at the N-th call that changes what is on disk: a call that fails, or a process that dies there.
#pragma once

#include "base/error.hpp"
#include "base/fs_observer.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>

namespace nodespool::test {

enum class Fault { fails, dies };

/// Installed for its own life. Calls are counted from 1; 0 means none of them.
class FaultAt final : public base::FsObserver {
  public:
    static constexpr int k_died = 86;

    FaultAt(Fault fault, int call_number) : m_fault(fault), m_call_number(call_number) {
        base::set_fs_observer(this);
    }
    ~FaultAt() override { base::set_fs_observer(nullptr); }

    void before(base::FsCall, std::string_view path) override {
        if (++m_calls != m_call_number)
            return;
        if (m_fault == Fault::dies)
            ::_exit(k_died);
        throw base::SystemError("touch " + std::string(path), EIO);
    }
    [[nodiscard]] bool was_reached() const { return m_calls >= m_call_number; }

  private:
    Fault m_fault;
    int m_call_number;
    std::atomic<int> m_calls{0};
};

enum class Ended { normally, died_at_the_fault };

/// Runs @p action in a process of its own that dies at call @p call_number.
inline Ended run_dying_at(int call_number, const std::function<void()>& action) {
    const pid_t child = ::fork();
    if (child == 0) {
        const FaultAt fault(Fault::dies, call_number);
        action();
        ::_exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status))
        std::abort();
    if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != FaultAt::k_died)
        std::abort();
    return WEXITSTATUS(status) == 0 ? Ended::normally : Ended::died_at_the_fault;
}

} // namespace nodespool::test
