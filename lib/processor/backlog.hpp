// What waits for one node: small jobs and large ones, each kind in the order in which it came.
#pragma once

#include "base/clock.hpp"
#include "processor/job.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace nodespool::processor {

/// A large job keeps a connection busy for so long that small ones must not stand behind it.
enum class JobSize { small, large };

/// What a job sends or relays; a removal moves nothing.
std::uint64_t bytes_moved_by(const Job& job);

/// From 16 MiB on a job that moves bytes is large.
JobSize size_of(const Job& job);

/// Not thread-safe: the scheduler guards it.
class Backlog {
  public:
    struct Waiting {
        JobPtr job;
        base::MonotonicTime since;
        std::int64_t number; ///< the order in which the jobs of this backlog came, over both kinds
    };
    using Line = std::deque<Waiting>;

    Backlog() = default;
    Backlog(Backlog&&) = default;
    Backlog& operator=(Backlog&&) = default;
    Backlog(const Backlog&) = delete;
    Backlog& operator=(const Backlog&) = delete;
    ~Backlog() = default;

    [[nodiscard]] bool empty() const { return m_small.empty() && m_large.empty(); }
    [[nodiscard]] std::size_t size() const { return m_small.size() + m_large.size(); }
    [[nodiscard]] const Line& line(JobSize size) const { return size == JobSize::small ? m_small : m_large; }

    /// What its small jobs move.
    [[nodiscard]] std::uint64_t small_bytes() const { return m_small_bytes; }

    /// Since when the first has waited; a large one that small ones overtake only where no small one waits.
    /// Not of an empty backlog.
    [[nodiscard]] base::MonotonicTime first_since() const {
        return m_small.empty() ? m_large.front().since : m_small.front().since;
    }

    void push_back(JobPtr job, base::MonotonicTime now);
    /// Before all others: it was taken, and nothing became of it.
    void push_front(JobPtr job, base::MonotonicTime now);
    JobPtr take(JobSize size, std::size_t at);
    /// All of them, in the order in which they came.
    std::vector<JobPtr> take_all();
    /// Shows, from the last on, every job but the first @p keep to @p take, which may take it away.
    void for_each_beyond(std::size_t keep, const std::function<void(JobPtr&)>& take);

  private:
    Line& line_of(JobSize size) { return size == JobSize::small ? m_small : m_large; }

    Line m_small;
    Line m_large;
    std::uint64_t m_small_bytes = 0;
    std::int64_t m_first = 0;
    std::int64_t m_next = 0;
};

} // namespace nodespool::processor
