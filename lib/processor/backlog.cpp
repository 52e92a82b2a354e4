// Two lines that keep one order.
#include "processor/backlog.hpp"

namespace nodespool::processor {

namespace {

std::uint64_t small_bytes_of(const Job& job) {
    return size_of(job) == JobSize::small ? bytes_moved_by(job) : 0;
}

} // namespace

std::uint64_t bytes_moved_by(const Job& job) {
    return job.record.keyword == queue::Keyword::remove ? 0 : job.record.size_bytes;
}

JobSize size_of(const Job& job) {
    constexpr std::uint64_t k_large_bytes = 16U << 20U;
    return bytes_moved_by(job) >= k_large_bytes ? JobSize::large : JobSize::small;
}

void Backlog::push_back(JobPtr job, base::MonotonicTime now) {
    m_small_bytes += small_bytes_of(*job);
    Line& jobs = line_of(size_of(*job));
    jobs.push_back({std::move(job), now, m_next++});
}

void Backlog::push_front(JobPtr job, base::MonotonicTime now) {
    m_small_bytes += small_bytes_of(*job);
    Line& jobs = line_of(size_of(*job));
    jobs.push_front({std::move(job), now, --m_first});
}

JobPtr Backlog::take(JobSize size, std::size_t at) {
    Line& jobs = line_of(size);
    JobPtr job = std::move(jobs[at].job);
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(at));
    m_small_bytes -= small_bytes_of(*job);
    return job;
}

std::vector<JobPtr> Backlog::take_all() {
    std::vector<JobPtr> all;
    all.reserve(size());
    m_small_bytes = 0;
    while (!empty()) {
        const bool small_is_next =
            m_large.empty() || (!m_small.empty() && m_small.front().number < m_large.front().number);
        Line& next = small_is_next ? m_small : m_large;
        all.push_back(std::move(next.front().job));
        next.pop_front();
    }
    return all;
}

void Backlog::for_each_beyond(std::size_t keep, const std::function<void(JobPtr&)>& take) {
    std::size_t small = m_small.size();
    std::size_t large = m_large.size();
    while (small + large > keep) {
        const bool small_is_last =
            large == 0 || (small > 0 && m_small[small - 1].number > m_large[large - 1].number);
        Line& last = small_is_last ? m_small : m_large;
        const std::size_t at = small_is_last ? --small : --large;
        const std::uint64_t bytes = small_bytes_of(*last[at].job);
        take(last[at].job);
        if (!last[at].job) {
            last.erase(last.begin() + static_cast<std::ptrdiff_t>(at));
            m_small_bytes -= bytes;
        }
    }
}

} // namespace nodespool::processor
