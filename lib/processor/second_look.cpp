// Waiting for the moment, and the release.
#include "processor/second_look.hpp"

#include "base/thread.hpp"
#include "processor/report.hpp"

#include <utility>

namespace nodespool::processor {

SecondLook::SecondLook(Work& work, const base::Clock& clock, std::chrono::milliseconds delay,
                       std::function<void(std::vector<JobPtr>)> released)
    : m_work(&work),
      m_clock(&clock),
      m_delay(delay),
      m_released(std::move(released)),
      m_thread(base::start_thread([this] { run(); })) {}

SecondLook::~SecondLook() {
    {
        const std::scoped_lock lock(m_mutex);
        m_closing = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

void SecondLook::add(std::vector<JobPtr> group) {
    {
        const std::scoped_lock lock(m_mutex);
        m_waiting.push_back({m_clock->monotonic() + m_delay, std::move(group)});
    }
    m_wake.notify_one();
}

void SecondLook::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_wake.wait(lock, [this] { return m_closing || !m_waiting.empty(); });
        if (m_waiting.empty())
            return;
        if (const base::MonotonicTime due = m_waiting.front().due; m_clock->monotonic() < due) {
            m_wake.wait_until(lock, due);
            continue;
        }
        std::vector<JobPtr> group = std::move(m_waiting.front().jobs);
        m_waiting.pop_front();
        lock.unlock();
        release(std::move(group));
        lock.lock();
    }
}

void SecondLook::release(std::vector<JobPtr> group) {
    std::vector<Job*> jobs;
    jobs.reserve(group.size());
    for (const JobPtr& job : group)
        jobs.push_back(job.get());
    try {
        m_work->release(jobs);
    } catch (const base::Error& error) {
        leave(jobs, error);
    }
    m_released(std::move(group));
}

} // namespace nodespool::processor
