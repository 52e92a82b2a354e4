// Waiting for SIGTERM and SIGINT in a thread of its own.
#include "base/stop_signal.hpp"

#include "base/thread.hpp"

#include <csignal>
#include <utility>

namespace nodespool::base {

namespace {

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR2); // ends the waiting thread itself
    return set;
}

} // namespace

StopSignal::StopSignal() {
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    m_thread = start_thread([this] { wait_for_signals(); });
}

StopSignal::~StopSignal() {
    m_done = true;
    pthread_kill(m_thread.native_handle(), SIGUSR2);
    m_thread.join();
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopSignal::tell(std::function<void()> on_change) {
    const std::scoped_lock lock(m_mutex);
    m_on_change = std::move(on_change);
}

void StopSignal::wait_for_signals() {
    const sigset_t set = stop_signals();
    while (!m_done) {
        int signal_number = 0;
        if (sigwait(&set, &signal_number) != 0 || signal_number == SIGUSR2)
            continue;
        m_state = m_state == Stop::no ? Stop::finish : Stop::now;
        const std::scoped_lock lock(m_mutex);
        if (m_on_change)
            m_on_change();
    }
}

} // namespace nodespool::base
