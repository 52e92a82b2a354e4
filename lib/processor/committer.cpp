// Group commit, ticks and retirement.
#include "processor/committer.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/thread.hpp"
#include "processor/backoff.hpp"
#include "processor/report.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nodespool::processor {

namespace {

std::vector<Job*> all_of(const std::vector<JobPtr>& group) {
    std::vector<Job*> jobs;
    jobs.reserve(group.size());
    for (const JobPtr& job : group)
        jobs.push_back(job.get());
    return jobs;
}

std::vector<Job*> with_effect(const std::vector<JobPtr>& group) {
    std::vector<Job*> jobs;
    for (const JobPtr& job : group)
        if (job->effect)
            jobs.push_back(job.get());
    return jobs;
}

/// Groups begin no closer to each other, unless one is full: a sync costs the disk much the same for one job
/// as for many. The first job after a pause does not wait.
constexpr std::chrono::milliseconds k_group_interval{5};
constexpr std::size_t k_full_group = 64;

/// Is its line to be ticked?
bool is_finished(const Job& job) {
    const Result result = job.outcome.result;
    return result != Result::left && result != Result::passed_over && result != Result::again;
}

} // namespace

Committer::Committer(const queue::Spool& spool, Work& work, HeldPlaces& places, Exits exits,
                     std::chrono::milliseconds second_look, std::size_t largest_group)
    : m_spool(&spool),
      m_work(&work),
      m_places(&places),
      m_exits(std::move(exits)),
      m_retirement_delay(second_look),
      m_largest_group(largest_group),
      m_full_group(std::min(largest_group, k_full_group)),
      m_second_look(work, spool.clock(), second_look,
                    [this](std::vector<JobPtr> group) { come_back(std::move(group)); }),
      m_thread(base::start_thread([this] { run(); })) {}

Committer::~Committer() {
    {
        const std::scoped_lock lock(m_mutex);
        m_closing = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

void Committer::commit(JobPtr job) {
    bool is_news = false;
    {
        const std::scoped_lock lock(m_mutex);
        m_incoming.push_back(std::move(job));
        is_news = m_incoming.size() == 1 || m_incoming.size() == m_full_group;
    }
    if (is_news)
        m_wake.notify_one();
}

void Committer::finish(std::shared_ptr<OpenFile> file) {
    {
        const std::scoped_lock lock(m_mutex);
        m_read.push_back(std::move(file));
    }
    m_wake.notify_one();
}

/// In the second look's thread.
void Committer::come_back(std::vector<JobPtr> group) {
    {
        const std::scoped_lock lock(m_mutex);
        m_come_back.push_back(std::move(group));
    }
    m_wake.notify_one();
}

/// Under the lock.
Committer::Time Committer::next_due() const {
    Time due = m_retiring.empty() ? Time::max() : m_retiring.front().due;
    if (!m_incoming.empty())
        due = std::min(due, m_next_group);
    return due;
}

/// Under the lock.
bool Committer::has_group() const {
    return m_incoming.size() >= m_full_group ||
           (!m_incoming.empty() && (m_closing || m_next_group <= m_spool->clock().monotonic()));
}

/// Under the lock.
bool Committer::has_work() const {
    return has_group() || !m_read.empty() || !m_come_back.empty() ||
           (!m_retiring.empty() && m_retiring.front().due <= m_spool->clock().monotonic());
}

/// Under the lock. The first jobs after a pause do not wait for company.
std::vector<JobPtr> Committer::take_group() {
    if (!has_group())
        return {};
    m_next_group = m_spool->clock().monotonic() + k_group_interval;
    const auto last =
        m_incoming.begin() + static_cast<std::ptrdiff_t>(std::min(m_incoming.size(), m_largest_group));
    std::vector<JobPtr> group(std::make_move_iterator(m_incoming.begin()), std::make_move_iterator(last));
    m_incoming.erase(m_incoming.begin(), last);
    return group;
}

/// Under the lock.
bool Committer::is_over() const {
    return m_closing && m_groups_away == 0 && m_incoming.empty() && m_read.empty() && m_retiring.empty();
}

void Committer::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        while (!is_over() && !has_work()) {
            if (const Time due = next_due(); due == Time::max())
                m_wake.wait(lock);
            else
                m_wake.wait_until(lock, due);
        }
        if (is_over())
            return;

        std::vector<JobPtr> group = take_group();
        std::vector<std::vector<JobPtr>> come_back = std::exchange(m_come_back, {});
        m_groups_away -= come_back.size();
        std::vector<std::shared_ptr<OpenFile>> read = std::exchange(m_read, {});
        lock.unlock();

        if (!group.empty())
            process(std::move(group));
        for (std::vector<JobPtr>& released : come_back)
            answer(released);
        for (const auto& file : read) {
            file->read_to_end = true;
            maybe_finish(file);
        }
        for (; !m_retiring.empty() && m_retiring.front().due <= m_spool->clock().monotonic();
             m_retiring.pop_front())
            retire(m_retiring.front().file);
        lock.lock();
    }
}

void Committer::process(std::vector<JobPtr> group) {
    std::vector<Job*> jobs = with_effect(group);
    if (base::is_broken(base::Break::ticked_before_commit))
        tick(jobs);
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
        {
            const std::scoped_lock lock(m_mutex);
            ++m_groups_away;
        }
        m_second_look.add(std::move(waiting));
    }
    answer(group);
}

/// "No such file" in a file space over which another was mounted since is no reason to drop a job.
void Committer::leave_if_replaced(const std::vector<JobPtr>& group) {
    std::vector<Job*> jobs = all_of(group);
    std::erase_if(jobs, [](const Job* job) { return !is_finished(*job); });
    if (jobs.empty())
        return;
    try {
        m_places->ensure_in_place();
    } catch (const base::Error& error) {
        leave(jobs, error);
    }
}

/// What goes back into the queue or aside becomes durable; then every job leaves.
void Committer::answer(std::vector<JobPtr>& group) {
    leave_if_replaced(group);
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
            if (base::is_broken(base::Break::ticked_before_resubmission))
                tick(back);
            outbox.commit();
        } catch (const base::Error& error) {
            leave(back, error);
        }
    }
    tick(all_of(group));
    for (JobPtr& job : group)
        end(std::move(job));
}

void Committer::end(JobPtr job) {
    const std::shared_ptr<OpenFile> file = job->file;
    if (job->outcome.result == Result::again) {
        m_exits.look_again(std::move(job));
        return;
    }
    if (!is_finished(*job))
        file->lines_stay = true;
    --file->in_flight;
    m_exits.ended(std::move(job));
    maybe_finish(file);
}

/// Ticks the lines of finished jobs, file by file.
void Committer::tick(std::vector<Job*> jobs) {
    std::erase_if(jobs, [](const Job* job) { return !is_finished(*job); });
    std::sort(jobs.begin(), jobs.end(), [](const Job* a, const Job* b) {
        return std::pair(a->file.get(), a->line.offset) < std::pair(b->file.get(), b->line.offset);
    });
    for (auto begin = jobs.begin(); begin != jobs.end();) {
        const auto end =
            std::find_if(begin, jobs.end(), [&](const Job* job) { return job->file != (*begin)->file; });
        tick_in_one_file({begin, end});
        begin = end;
    }
}

void Committer::tick_in_one_file(std::span<Job* const> jobs) {
    OpenFile& file = *jobs.front()->file;
    std::vector<queue::LineMark> marks;
    std::transform(jobs.begin(), jobs.end(), std::back_inserter(marks),
                   [](const Job* job) { return job->line; });
    try {
        const std::vector<queue::Tick> ticks = file.claimed->tick(marks);
        if (std::find(ticks.begin(), ticks.end(), queue::Tick::let_go) != ticks.end())
            file.lines_stay = true; // edited meanwhile: what stands there now is for the next run
    } catch (const base::Error& error) {
        // The jobs are done; their lines will be run again and find it so.
        base::log(base::LogLevel::error, error.what());
        file.lines_stay = true;
        for (Job* job : jobs)
            job->outcome.io_error = true;
    }
}

void Committer::maybe_finish(const std::shared_ptr<OpenFile>& file) {
    if (!file->read_to_end || file->in_flight > 0)
        return;
    try {
        if (!file->lines_stay && file->claimed->set_aside()) {
            m_retiring.push_back({m_spool->clock().monotonic() + m_retirement_delay, file});
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
