// Feeding the jobs of a queue file into the run, and sending each on its way.
#include "processor/processor.hpp"
#include "processor/report.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_most_in_flight = 8192;
/// Of their lines; a path can be 4 KiB long, and is held twice.
constexpr std::uint64_t k_most_bytes_in_flight = 8U << 20U;
constexpr unsigned k_most_looks = 20;

} // namespace

/// nullopt: there are no more, or what is left of the file cannot be read now.
std::optional<queue::RawLine> Processor::next_line(OpenFile& file) {
    try {
        return file.claimed->next();
    } catch (const base::Error& error) {
        note_trouble(error);
        file.lines_stay = true;
        return std::nullopt;
    }
}

void Processor::feed(const std::shared_ptr<OpenFile>& file) {
    while (const std::optional<queue::RawLine> line = next_line(*file)) {
        wait_until([this](std::size_t in_flight, std::size_t) {
            return is_stopping() ||
                   (in_flight < k_most_in_flight && m_bytes_in_flight < k_most_bytes_in_flight);
        });
        if (is_stopping() || !feed_line(file, *line)) {
            file->lines_stay = true;
            break;
        }
    }
    if (file->claimed->left_last_line())
        file->lines_stay = true;
    m_committer->finish(file);
}

/// @return false: no more lines now
bool Processor::feed_line(const std::shared_ptr<OpenFile>& file, const queue::RawLine& line) {
    const queue::LineClass line_class = queue::classify(line.text);
    if (line_class.kind == queue::LineKind::nothing)
        return true;
    const std::vector<queue::Keyword> own = m_work->keywords();
    const bool is_own = std::find(own.begin(), own.end(), line_class.keyword) != own.end();
    if (line_class.kind == queue::LineKind::job && !is_own) {
        file->lines_stay = true;
        return true;
    }
    auto job = std::make_unique<Job>();
    job->file = file;
    job->line = queue::mark_of(line);
    job->priority = queue::priority_of(file->claimed->name());
    try {
        job->record = queue::parse_job(line.text, {file->claimed->path(), line.number}, &m_node_names);
    } catch (const queue::JobError& error) {
        job->outcome = {Result::rejected, error.what()};
        begin(std::move(job));
        return true;
    }
    if (is_for_later(job->record)) {
        file->lines_stay = true;
        return true;
    }
    if (m_options.max_jobs && m_begun >= *m_options.max_jobs)
        return false;
    ++m_begun;
    begin(std::move(job));
    return true;
}

/// Not yet due, or not among those that this run is for.
bool Processor::is_for_later(const queue::JobRecord& job) {
    if (m_options.only &&
        ::fnmatch(m_options.only->c_str(), job.cluster_path().value_or(job.path).c_str(), 0) != 0)
        return true;
    if (!job.not_before || *job.not_before <= m_spool->clock().now())
        return false;
    ++m_deferred;
    m_next_due = m_next_due ? std::min(*m_next_due, *job.not_before) : *job.not_before;
    return true;
}

void Processor::begin(JobPtr job) {
    ++job->file->in_flight;
    m_bytes_in_flight += job->line.length;
    if (JobPtr now = m_flights.begin(std::move(job)))
        start(std::move(now));
}

/// Looks at the job and sends it on its way.
void Processor::start(JobPtr job) {
    if (job->outcome.result == Result::rejected) {
        m_committer->commit(std::move(job));
        return;
    }
    if (job->looks > k_most_looks) {
        Outcome outcome(Result::resubmitted, "the file keeps changing: " + job->outcome.reason);
        end_with(std::move(job), std::move(outcome));
        return;
    }
    Assessment assessment;
    try {
        assessment = m_work->assess(*job);
    } catch (const base::Error& error) {
        // A link file that cannot be read waits for a person; anything else is the cluster server's own
        // trouble.
        const bool waits = error.error_class() == base::ErrorClass::bad_input;
        Outcome outcome(waits ? Result::resubmitted : Result::left, error.what());
        outcome.io_error = true;
        end_with(std::move(job), outcome);
        return;
    }
    auto placement = Scheduler::Placement::placed;
    switch (assessment.verdict) {
    case Verdict::on_a_node:
        placement = m_scheduler.place(job);
        break;
    case Verdict::here:
        placement = m_scheduler.place_here(job);
        break;
    case Verdict::ended:
        end_with(std::move(job), assessment.outcome);
        return;
    }
    answer(placement, std::move(job));
}

/// Where the scheduler gave the job back, it ends here.
void Processor::answer(Scheduler::Placement placement, JobPtr job) {
    switch (placement) {
    case Scheduler::Placement::placed:
        return;
    case Scheduler::Placement::no_node: {
        const std::string why = m_scheduler.why_no_node(*job);
        end_with(std::move(job), {Result::resubmitted, why});
        return;
    }
    case Scheduler::Placement::no_room:
        m_passed_over = true;
        --m_begun;
        end_with(std::move(job), {Result::passed_over, "its nodes are busy: later in this run"});
        return;
    case Scheduler::Placement::interrupted:
        end_with(std::move(job), {Result::left, "stopped"});
        return;
    }
}

void Processor::end_with(JobPtr job, Outcome outcome) {
    job->outcome = std::move(outcome);
    m_committer->commit(std::move(job));
}

/// In the committer's thread.
void Processor::ended(JobPtr job) {
    m_bytes_in_flight -= job->line.length;
    if (job->outcome.result == Result::passed_over) {
        m_flights.end(*job);
        return;
    }
    log_end(*job, *m_work);
    ++m_summary.ended[job->outcome.result];
    if (job->outcome.io_error)
        m_io_error = true;
    ++m_counters.ended;
    m_counters.bytes += job->outcome.bytes;
    if (m_options.on_end)
        m_options.on_end(*job);
    m_flights.end(*job);
}

void Processor::look_at_returned() {
    while (JobPtr job = m_flights.next_again())
        start(std::move(job));
}

} // namespace nodespool::processor
