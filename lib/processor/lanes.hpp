// The lanes: threads that carry jobs to their nodes, over sessions that stay open.
#pragma once

#include "node/session.hpp"
#include "processor/scheduler.hpp"
#include "processor/work.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace nodespool::processor {

using OpenSession =
    std::function<std::unique_ptr<node::Session>(const node::NodeConfig&, node::Interrupt interrupt)>;

/// Idle sessions, by node index. Thread-safe.
class SessionPool {
  public:
    SessionPool(const Scheduler& scheduler, node::Interrupt interrupt, OpenSession open)
        : m_scheduler(&scheduler),
          m_interrupt(std::move(interrupt)),
          m_open(std::move(open)) {}
    /// An idle session of the node, or a new one.
    std::unique_ptr<node::Session> take(std::size_t node);
    void give_back(std::size_t node, std::unique_ptr<node::Session> session);
    [[nodiscard]] std::size_t idle(std::size_t node);
    void close_idle(std::size_t node);

  private:
    const Scheduler* m_scheduler;
    node::Interrupt m_interrupt;
    OpenSession m_open;
    std::mutex m_mutex;
    std::map<std::size_t, std::vector<std::unique_ptr<node::Session>>> m_idle;
};

/// A lane holds either what one job needs (Work::act()), or one connection over which it has a stream of
/// simple jobs under way, as many at once as the session takes (Work::begin()). A stream ends when the
/// scheduler has no more for it. After a failure it gives no more either: what is under way ends first, then
/// the failed jobs are settled over the same session.
class Lanes {
  public:
    struct Limits {
        unsigned lanes = 1;
        /// Jobs that all streams together have files open for, besides one each; shared out evenly.
        std::size_t under_way = 64;
    };

    /// @param interrupt  breaks transfers off when it becomes true
    /// @param acted  takes each job whose act is over: with an effect to commit, or with its outcome
    Lanes(Limits limits, Scheduler& scheduler, Work& work, node::Interrupt interrupt,
          std::function<void(JobPtr)> acted, OpenSession open_session = node::make_session);
    Lanes(const Lanes&) = delete;
    Lanes& operator=(const Lanes&) = delete;
    /// Only after Scheduler::close(): waits for the acts under way.
    ~Lanes();

    /// Closes idle sessions with nodes that lately refused connections: somebody else may need one.
    void close_scarce_sessions();

  private:
    class Holding;
    class Stream;

    void run();
    void carry(Scheduler::Task task);
    void carry_stream(Scheduler::Task task);
    static void leave_job(Job& job, const std::exception& error);
    bool is_mere_refusal(std::size_t node, const node::NodeError& error);
    void note_failure(Job& job, std::size_t node, const node::NodeError& error);
    void place_elsewhere(JobPtr job);
    void answer(Scheduler::Placement placement, JobPtr job);

    Scheduler* m_scheduler;
    Work* m_work;
    std::function<void(JobPtr)> m_acted;
    SessionPool m_sessions;
    std::size_t m_most_under_way;
    std::atomic<std::size_t> m_under_way{0};
    std::atomic<std::size_t> m_streams{0};
    std::vector<std::thread> m_threads;
};

} // namespace nodespool::processor
