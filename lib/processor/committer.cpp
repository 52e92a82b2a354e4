// Group commit, ticks and retirement.
#include "processor/committer.hpp"

#include "base/log.hpp"
#include "processor/backoff.hpp"

#include <algorithm>
#include <iterator>

namespace nodespool::processor {

namespace {

std::vector<Job*> with_effect(const std::vector<JobPtr>& group) {
    std::vector<Job*> jobs;
    for (const JobPtr& job : group)
        if (job->effect)
            jobs.push_back(job.get());
    return jobs;
}

/// The group failed as a whole on the cluster server: nothing is ticked, the next run finds every line as it
/// stands.
void leave(const std::vector<Job*>& jobs, const base::Error& error) {
    base::log(base::LogLevel::error, error.what());
    for (Job* job : jobs) {
        job->effect.reset();
        job->outcome = {Result::left, error.what()};
        job->outcome.io_error = true;
    }
}

} // namespace

Committer::Committer(const queue::Spool& spool, Work& work, Exits exits,
                     std::chrono::milliseconds second_look, std::size_t largest_group)
    : m_spool(&spool),
      m_work(&work),
      m_exits(std::move(exits)),
      m_second_look(second_look),
      m_largest_group(largest_group),
      m_thread([this] { run(); }) {}

Committer::~Committer() {
    {
        const std::scoped_lock lock(m_mutex);
        m_closing = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

void Committer::commit(JobPtr job) {
    {
        const std::scoped_lock lock(m_mutex);
        m_incoming.push_back(std::move(job));
    }
    m_wake.notify_one();
}

void Committer::finish(std::shared_ptr<OpenFile> file) {
    {
        const std::scoped_lock lock(m_mutex);
        m_read.push_back(std::move(file));
    }
    m_wake.notify_one();
}

bool Committer::has_something_due(Time now) const {
    return next_due() <= now;
}

Committer::Time Committer::next_due() const {
    Time due = Time::max();
    if (!m_waiting.empty())
        due = m_waiting.front().due;
    if (!m_retiring.empty())
        due = std::min(due, m_retiring.front().due);
    return due;
}

void Committer::run() {
    const base::Clock& clock = m_spool->clock();
    std::unique_lock lock(m_mutex);
    for (;;) {
        const auto something = [&] {
            const bool is_over = m_closing && m_waiting.empty() && m_retiring.empty();
            return is_over || !m_incoming.empty() || !m_read.empty() || has_something_due(clock.monotonic());
        };
        if (const Time due = next_due(); due == Time::max())
            m_wake.wait(lock, something);
        else
            m_wake.wait_until(lock, due, something);
        if (m_closing && m_incoming.empty() && m_read.empty() && m_waiting.empty() && m_retiring.empty())
            return;

        const auto last =
            m_incoming.begin() + static_cast<std::ptrdiff_t>(std::min(m_incoming.size(), m_largest_group));
        std::vector<JobPtr> group(std::make_move_iterator(m_incoming.begin()), std::make_move_iterator(last));
        m_incoming.erase(m_incoming.begin(), last);
        std::vector<std::shared_ptr<OpenFile>> read = std::exchange(m_read, {});
        lock.unlock();

        if (!group.empty())
            process(std::move(group));
        for (; !m_waiting.empty() && m_waiting.front().due <= clock.monotonic(); m_waiting.pop_front())
            release(std::move(m_waiting.front().jobs));
        for (const auto& file : read) {
            file->read_to_end = true;
            maybe_finish(file);
        }
        for (; !m_retiring.empty() && m_retiring.front().due <= clock.monotonic(); m_retiring.pop_front())
            retire(m_retiring.front().file);
        lock.lock();
    }
}

void Committer::process(std::vector<JobPtr> group) {
    std::vector<Job*> jobs = with_effect(group);
    if (!jobs.empty()) {
        try {
            m_work->commit(jobs);
        } catch (const base::Error& error) {
            leave(jobs, error);
        }
    }
    const auto waits =
        std::stable_partition(group.begin(), group.end(), [](const JobPtr& job) { return !job->effect; });
    if (waits != group.end()) {
        std::vector<JobPtr> waiting(std::make_move_iterator(waits), std::make_move_iterator(group.end()));
        group.erase(waits, group.end());
        m_waiting.push_back({m_spool->clock().monotonic() + m_second_look, std::move(waiting)});
    }
    answer(group);
}

void Committer::release(std::vector<JobPtr> group) {
    std::vector<Job*> jobs = with_effect(group);
    try {
        m_work->release(jobs);
    } catch (const base::Error& error) {
        leave(jobs, error);
    }
    answer(group);
}

/// What goes back into the queue or aside becomes durable; then every job leaves.
void Committer::answer(std::vector<JobPtr>& group) {
    std::vector<Job*> back;
    for (const JobPtr& job : group)
        if (job->outcome.result == Result::resubmitted || job->outcome.result == Result::rejected)
            back.push_back(job.get());
    if (!back.empty()) {
        try {
            queue::Outbox outbox(*m_spool);
            for (Job* job : back) {
                if (!job->file->claimed->still_reads(job->line)) {
                    job->outcome = {Result::left, "its line was edited"};
                    continue;
                }
                if (job->outcome.result == Result::rejected) {
                    outbox.reject(*job->file->claimed, job->line, job->outcome.reason);
                    continue;
                }
                const double delay_s =
                    job->outcome.delay_s > 0 ? job->outcome.delay_s : backoff_seconds(job->record.attempts);
                outbox.resubmit(job->record, queue::priority_of(job->file->claimed->name()),
                                {job->outcome.reason, m_spool->clock().now().plus(delay_s),
                                 job->file->claimed->queued_at()});
            }
            outbox.commit();
        } catch (const base::Error& error) {
            leave(back, error);
        }
    }
    for (JobPtr& job : group)
        end(std::move(job));
}

void Committer::end(JobPtr job) {
    const std::shared_ptr<OpenFile> file = job->file;
    if (job->outcome.result == Result::again) {
        m_exits.look_again(std::move(job));
        return;
    }
    if (job->outcome.result == Result::left || job->outcome.result == Result::passed_over)
        file->lines_stay = true;
    else
        tick(*job);
    --file->in_flight;
    m_exits.ended(std::move(job));
    maybe_finish(file);
}

void Committer::tick(Job& job) const {
    try {
        if (job.file->claimed->tick(job.line) == queue::Tick::let_go)
            job.file->lines_stay = true; // edited meanwhile: what stands there now is for the next run
    } catch (const base::Error& error) {
        // The job is done; its line will be run again and find it so.
        base::log(base::LogLevel::error, error.what());
        job.file->lines_stay = true;
        job.outcome.io_error = true;
    }
}

void Committer::maybe_finish(const std::shared_ptr<OpenFile>& file) {
    if (!file->read_to_end || file->in_flight > 0)
        return;
    try {
        if (!file->lines_stay && file->claimed->set_aside()) {
            m_retiring.push_back({m_spool->clock().monotonic() + m_second_look, file});
            return;
        }
    } catch (const base::Error& error) {
        m_exits.trouble(error);
    }
    file->claimed.reset();
    m_exits.file_finished();
}

void Committer::retire(const std::shared_ptr<OpenFile>& file) {
    try {
        if (file->claimed->retire() == queue::Retirement::given_back)
            m_given_back = true;
    } catch (const base::Error& error) {
        m_exits.trouble(error);
    }
    file->claimed.reset();
    m_exits.file_finished();
}

} // namespace nodespool::processor
