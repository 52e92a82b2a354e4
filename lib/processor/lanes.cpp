// Carrying jobs to nodes.
#include "processor/lanes.hpp"

#include "base/log.hpp"

namespace nodespool::processor {

std::unique_ptr<node::Session> SessionPool::take(std::size_t node) {
    {
        const std::scoped_lock lock(m_mutex);
        if (auto& idle = m_idle[node]; !idle.empty()) {
            auto session = std::move(idle.back());
            idle.pop_back();
            return session;
        }
    }
    return node::make_session(m_scheduler->config(node), m_interrupt);
}

void SessionPool::give_back(std::size_t node, std::unique_ptr<node::Session> session) {
    const std::scoped_lock lock(m_mutex);
    m_idle[node].push_back(std::move(session));
}

Lanes::Lanes(unsigned count, Scheduler& scheduler, Work& work, node::Interrupt interrupt,
             std::function<void(JobPtr)> acted)
    : m_scheduler(&scheduler),
      m_work(&work),
      m_acted(std::move(acted)),
      m_sessions(scheduler, std::move(interrupt)) {
    for (unsigned i = 0; i < count; ++i)
        m_threads.emplace_back([this] { run(); });
}

Lanes::~Lanes() {
    for (std::thread& thread : m_threads)
        thread.join();
}

void Lanes::run() {
    while (std::optional<Scheduler::Task> task = m_scheduler->take())
        carry(std::move(*task));
}

void Lanes::carry(Scheduler::Task task) {
    JobPtr job = std::move(task.job);
    try {
        if (!job->file->claimed->still_reads(job->line))
            job->outcome = {Result::left, "its line was edited"};
        else
            act(*job, task.node);
        if (job->effect)
            m_scheduler->succeeded(task.node);
        else
            m_scheduler->not_tried(task.node);
    } catch (const node::NodeError& error) {
        failed_on_node(std::move(job), task.node.value(), error);
        return;
    } catch (const base::Error& error) {
        m_scheduler->not_tried(task.node);
        job->effect.reset();
        job->outcome = {Result::left, error.what()};
        job->outcome.io_error = true;
    }
    m_acted(std::move(job));
}

void Lanes::act(Job& job, std::optional<std::size_t> node) {
    if (!node) {
        m_work->act(job, nullptr, {});
        return;
    }
    auto session = m_sessions.take(*node);
    m_work->act(job, session.get(), m_scheduler->config(*node).name);
    m_sessions.give_back(*node, std::move(session));
}

void Lanes::failed_on_node(JobPtr job, std::size_t node, const node::NodeError& error) {
    job->effect.reset();
    job->tried.resize(m_scheduler->node_count());
    job->tried[node] = true;
    job->last_error = error.what();
    base::log(base::LogLevel::warning, {{"result", "node-failed"},
                                        {"job", job->identity()},
                                        {"node", error.node()},
                                        {"failure", std::string(to_string(error.failure()))},
                                        {"reason", error.what()}});
    for (JobPtr& waiting : m_scheduler->failed(node, error.failure(), error.what()))
        place_elsewhere(std::move(waiting));
    place_elsewhere(std::move(job));
}

void Lanes::place_elsewhere(JobPtr job) {
    switch (m_scheduler->place_again(job)) {
    case Scheduler::Placement::placed:
        return;
    case Scheduler::Placement::no_node:
    case Scheduler::Placement::no_room:
        job->outcome = {Result::resubmitted, m_scheduler->why_no_node(*job)};
        break;
    case Scheduler::Placement::interrupted:
        job->outcome = {Result::left, "stopped"};
        break;
    }
    m_acted(std::move(job));
}

} // namespace nodespool::processor
