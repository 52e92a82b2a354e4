// Carrying jobs to nodes.
#include "processor/lanes.hpp"

#include "base/log.hpp"
#include "base/thread.hpp"

#include <fmt/format.h>

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
    return m_open(m_scheduler->config(node), m_interrupt);
}

void SessionPool::give_back(std::size_t node, std::unique_ptr<node::Session> session) {
    const std::scoped_lock lock(m_mutex);
    m_idle[node].push_back(std::move(session));
}

std::size_t SessionPool::idle(std::size_t node) {
    const std::scoped_lock lock(m_mutex);
    return m_idle[node].size();
}

void SessionPool::close_idle(std::size_t node) {
    std::vector<std::unique_ptr<node::Session>> sessions;
    const std::scoped_lock lock(m_mutex);
    sessions.swap(m_idle[node]);
}

Lanes::Lanes(Limits limits, Scheduler& scheduler, Work& work, node::Interrupt interrupt,
             std::function<void(JobPtr)> acted, OpenSession open_session)
    : m_scheduler(&scheduler),
      m_work(&work),
      m_acted(std::move(acted)),
      m_sessions(scheduler, std::move(interrupt), std::move(open_session)),
      m_most_under_way(limits.under_way) {
    m_threads.reserve(limits.lanes);
    for (unsigned i = 0; i < limits.lanes; ++i) {
        try {
            m_threads.push_back(base::start_thread([this] { run(); }));
        } catch (const base::SystemError& error) {
            if (m_threads.empty())
                throw;
            base::log(base::LogLevel::warning,
                      fmt::format("{} of {} lanes: {}", i, limits.lanes, error.what()));
            break;
        }
    }
}

Lanes::~Lanes() {
    for (std::thread& thread : m_threads)
        thread.join();
}

void Lanes::close_scarce_sessions() {
    for (std::size_t i = 0; i < m_scheduler->node_count(); ++i)
        if (m_scheduler->is_scarce(i))
            m_sessions.close_idle(i);
}

/// What a lane holds for one job. Seats and sessions go back when it ends; what became of each node that was
/// asked is told to the scheduler.
class Lanes::Holding final : public HeldNodes {
  public:
    Holding(Lanes& lanes, Job& job, Scheduler::Seats seats)
        : m_lanes(&lanes),
          m_job(&job),
          m_seats(std::move(seats)),
          m_targets(m_seats.targets.size()) {}
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;
    ~Holding() override {
        for (std::size_t i = 0; i < m_targets.size(); ++i)
            end(m_seats.targets[i], m_targets[i]);
        if (m_seats.source)
            end(*m_seats.source, m_source);
        m_lanes->m_scheduler->release(m_seats);
    }

    [[nodiscard]] std::size_t target_count() const override { return m_targets.size(); }
    [[nodiscard]] const std::string& target_name(std::size_t target) const override {
        return m_lanes->m_scheduler->config(m_seats.targets.at(target)).name;
    }
    node::Session& target(std::size_t target) override {
        return open(m_seats.targets.at(target), m_targets.at(target));
    }
    void target_failed(std::size_t target, const node::NodeError& error) override {
        const std::size_t node = m_seats.targets.at(target);
        fail(node, m_targets.at(target), error, m_job->tried);
    }

    [[nodiscard]] bool has_source() const override { return m_seats.source.has_value(); }
    [[nodiscard]] const std::string& source_name() const override {
        return m_lanes->m_scheduler->config(m_seats.source.value()).name;
    }
    node::Session& source() override { return open(m_seats.source.value(), m_source); }
    bool change_source(const node::NodeError& error) override {
        const std::size_t node = m_seats.source.value();
        fail(node, m_source, error, m_job->tried_sources);
        end(node, m_source);
        m_source = Seat();
        m_lanes->m_scheduler->change_source(*m_job, m_seats);
        return has_source();
    }

    /// The job was broken off: that nothing failed says nothing of the nodes.
    void was_interrupted() { m_is_interrupted = true; }

  private:
    struct Seat {
        std::unique_ptr<node::Session> session; ///< once it was asked for
        bool has_failed = false;
    };

    node::Session& open(std::size_t node, Seat& seat) {
        if (!seat.session)
            seat.session = m_lanes->m_sessions.take(node);
        return *seat.session;
    }
    void fail(std::size_t node, Seat& seat, const node::NodeError& error, std::vector<bool>& tried) {
        seat.session.reset();
        if (m_lanes->is_mere_refusal(node, error)) {
            m_job->last_error = error.what();
            return; // it may be tried there again
        }
        seat.has_failed = true;
        tried.resize(m_lanes->m_scheduler->node_count());
        tried[node] = true;
        m_lanes->note_failure(*m_job, node, error);
    }
    void end(std::size_t node, Seat& seat) {
        if (seat.has_failed)
            return;
        if (!seat.session || m_is_interrupted) {
            m_lanes->m_scheduler->not_tried(node);
            return;
        }
        m_lanes->m_scheduler->succeeded(node);
        m_lanes->m_sessions.give_back(node, std::move(seat.session));
    }

    Lanes* m_lanes;
    Job* m_job;
    Scheduler::Seats m_seats;
    std::vector<Seat> m_targets;
    Seat m_source;
    bool m_is_interrupted = false;
};

void Lanes::run() {
    while (std::optional<Scheduler::Task> task = m_scheduler->take()) {
        if (!task->seats.targets.empty() && task->job->need.is_simple())
            carry_stream(std::move(*task));
        else
            carry(std::move(*task));
    }
}

void Lanes::carry(Scheduler::Task task) {
    JobPtr job = std::move(task.job);
    {
        Holding nodes(*this, *job, std::move(task.seats));
        try {
            if (!job->file->claimed->still_reads(job->line))
                job->outcome = {Result::left, "its line was edited"};
            else
                m_work->act(*job, nodes.target_count() == 0 ? nullptr : &nodes);
        } catch (const std::exception& error) {
            leave_job(*job, error);
        }
        if (!job->effect && job->outcome.result == Result::left)
            nodes.was_interrupted();
    }
    m_acted(std::move(job));
}

/// The cluster server failed at it. Its end is logged, so that nothing is here.
void Lanes::leave_job(Job& job, const std::exception& error) {
    job.effect.reset();
    job.outcome = {Result::left, base::message_of(error)};
    job.outcome.io_error = true;
}

/// The node serves this run, over fewer connections than it was asked for.
bool Lanes::is_mere_refusal(std::size_t node, const node::NodeError& error) {
    return error.refusal() == node::Refusal::connection &&
           m_scheduler->refused(node, m_sessions.idle(node), error.what());
}

void Lanes::note_failure(Job& job, std::size_t node, const node::NodeError& error) {
    job.last_error = error.what();
    base::log(base::LogLevel::warning, {{"result", "node-failed"},
                                        {"job", job.identity()},
                                        {"node", error.node()},
                                        {"failure", std::string(to_string(error.failure()))},
                                        {"reason", error.what()}});
    for (JobPtr& waiting : m_scheduler->failed(node, error.failure(), error.what()))
        place_elsewhere(std::move(waiting));
    if (error.failure() == node::Failure::node_down)
        m_sessions.close_idle(node); // they would pass for a sign that it serves this run
}

void Lanes::place_elsewhere(JobPtr job) {
    const Scheduler::Placement placement = m_scheduler->place_again(job);
    answer(placement, std::move(job));
}

/// Where the scheduler gave the job back, it ends here.
void Lanes::answer(Scheduler::Placement placement, JobPtr job) {
    switch (placement) {
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
