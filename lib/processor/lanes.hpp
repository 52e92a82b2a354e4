// The lanes: threads that each carry one job at a time to its nodes, over sessions that stay open.
#pragma once

#include "node/session.hpp"
#include "processor/scheduler.hpp"
#include "processor/work.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace nodespool::processor {

/// Idle sessions, by node index. Thread-safe.
class SessionPool {
  public:
    SessionPool(const Scheduler& scheduler, node::Interrupt interrupt)
        : m_scheduler(&scheduler),
          m_interrupt(std::move(interrupt)) {}
    /// An idle session of the node, or a new one.
    std::unique_ptr<node::Session> take(std::size_t node);
    void give_back(std::size_t node, std::unique_ptr<node::Session> session);

  private:
    const Scheduler* m_scheduler;
    node::Interrupt m_interrupt;
    std::mutex m_mutex;
    std::map<std::size_t, std::vector<std::unique_ptr<node::Session>>> m_idle;
};

class Lanes {
  public:
    /// @param interrupt  breaks transfers off when it becomes true
    /// @param acted  takes each job whose act is over: with an effect to commit, or with its outcome
    Lanes(unsigned count, Scheduler& scheduler, Work& work, node::Interrupt interrupt,
          std::function<void(JobPtr)> acted);
    Lanes(const Lanes&) = delete;
    Lanes& operator=(const Lanes&) = delete;
    /// Only after Scheduler::close(): waits for the acts under way.
    ~Lanes();

  private:
    class Holding;

    void run();
    void carry(Scheduler::Task task);
    bool act(Job& job, Holding& nodes);
    void note_failure(Job& job, std::size_t node, const node::NodeError& error);
    void place_elsewhere(JobPtr job);

    Scheduler* m_scheduler;
    Work* m_work;
    std::function<void(JobPtr)> m_acted;
    SessionPool m_sessions;
    std::vector<std::thread> m_threads;
};

} // namespace nodespool::processor
