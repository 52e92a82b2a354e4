// What lanes take from the scheduler and give back.
#include "processor/scheduler.hpp"

#include <algorithm>
#include <iterator>

namespace nodespool::processor {

/// How many lanes a node may hold while others have work: the lanes shared out evenly among the nodes with
/// work, where one that takes fewer connections leaves the rest to the others.
unsigned Scheduler::fair_share() const {
    std::vector<unsigned> limits;
    for (const Node& node : m_nodes)
        if (!node.backlog.empty() || node.active > 0)
            limits.push_back(node.config.connections);
    std::sort(limits.begin(), limits.end());
    unsigned lanes = m_lanes;
    unsigned share = m_lanes;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        const auto sharing = static_cast<unsigned>(limits.size() - i);
        share = (lanes + sharing - 1) / sharing;
        if (limits[i] >= share)
            break;
        lanes -= limits[i];
    }
    return std::max(share, 1U);
}

/// The place in the node's backlog of the first job that a lane can have all nodes for. What waits for a busy
/// source does not stop the jobs behind it, but they do not overtake it for ever.
std::optional<std::size_t> Scheduler::first_with_seats(std::size_t index) const {
    const Node& node = m_nodes[index];
    if (node.backlog.empty() || !has_connection(index))
        return std::nullopt;
    const bool is_patient = m_clock->monotonic() - node.backlog.front().since < k_patience;
    const std::size_t reach = is_patient ? std::min(node.backlog.size(), k_backlog) : 1;
    for (std::size_t at = 0; at < reach; ++at)
        if (has_seats(*node.backlog[at].job, index))
            return at;
    return std::nullopt;
}

/// The node whose next job a free lane should take, and that job's place in its backlog: of those with a job
/// whose nodes have a free connection, the one with the fewest lanes; beyond its share only where no other
/// node has work.
std::optional<Scheduler::Next> Scheduler::next_for_a_lane() const {
    std::optional<Next> best;
    std::size_t with_work = 0;
    for (std::size_t i = 0; i < m_nodes.size(); ++i) {
        const Node& node = m_nodes[i];
        with_work += !node.backlog.empty() || node.active > 0 ? 1 : 0;
        const Node* const before = best ? &m_nodes[best->node] : nullptr;
        if (before == nullptr || node.active < before->active ||
            (node.active == before->active && node.backlog.size() > before->backlog.size()))
            if (const std::optional<std::size_t> at = first_with_seats(i))
                best = Next{i, *at};
    }
    if (best && with_work > 1 && m_nodes[best->node].active >= fair_share())
        return std::nullopt;
    return best;
}

std::optional<Scheduler::Task> Scheduler::take() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        if (m_closed)
            return std::nullopt;
        if (const std::optional<Next> next = next_for_a_lane()) {
            std::deque<Waiting>& backlog = m_nodes[next->node].backlog;
            Task task{std::move(backlog[next->at].job), {}};
            backlog.erase(backlog.begin() + static_cast<std::ptrdiff_t>(next->at));
            task.seats = seat(*task.job, next->node);
            m_room.notify_all();
            return task;
        }
        if (next_lag() <= m_clock->monotonic() && relieve_nodes_that_lag())
            continue;
        if (const base::MonotonicTime lag = next_lag();
            lag > m_clock->monotonic() && lag != base::MonotonicTime::max())
            m_work.wait_until(lock, lag);
        else
            m_work.wait(lock);
    }
}

bool Scheduler::can_read(const Job& job, std::size_t index) const {
    return job.need.sources[index] && !job.has_tried_source(index) &&
           m_nodes[index].health.is_readable(m_clock->monotonic());
}

/// True also of a job that reads from no node.
bool Scheduler::can_read_somewhere(const Job& job) const {
    if (job.need.sources.empty())
        return true;
    for (std::size_t i = 0; i < m_node_count; ++i)
        if (can_read(job, i))
            return true;
    return false;
}

bool Scheduler::has_connection(std::size_t index) const {
    return m_nodes[index].connections < m_nodes[index].config.connections;
}

/// Of the nodes that the job can be read from, the one with the most free connections.
std::optional<std::size_t> Scheduler::free_source(const Job& job) const {
    const auto free = [&](std::size_t i) { return m_nodes[i].config.connections - m_nodes[i].connections; };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < job.need.sources.size(); ++i)
        if (can_read(job, i) && has_connection(i) && (!best || free(i) > free(*best)))
            best = i;
    return best;
}

std::vector<bool> Scheduler::further_targets(const Job& job, std::size_t first) const {
    std::vector<bool> further = candidates(job);
    further[first] = false;
    return further;
}

/// Can a lane have everything that the job needs, at once? Where none of its sources can be used any more it
/// needs none: it will end at once.
bool Scheduler::has_seats(const Job& job, std::size_t first) const {
    if (first == m_node_count)
        return true;
    if (!has_connection(first))
        return false;
    if (!job.need.sources.empty() && can_read_somewhere(job) && !free_source(job))
        return false;
    if (job.need.targets <= 1)
        return true;
    const std::vector<bool> further = further_targets(job, first);
    std::size_t usable = 0;
    std::size_t free = 0;
    for (std::size_t i = 0; i < m_node_count; ++i) {
        usable += further[i] ? 1 : 0;
        free += further[i] && has_connection(i) ? 1 : 0;
    }
    return free >= std::min<std::size_t>(usable, job.need.targets - 1);
}

Scheduler::Seats Scheduler::seat(const Job& job, std::size_t first) {
    Seats seats;
    ++m_nodes[first].active;
    if (first == m_node_count)
        return seats;
    const auto hold = [&](std::size_t index) {
        ++m_nodes[index].connections;
        return index;
    };
    seats.targets.push_back(hold(first));
    std::vector<bool> further(m_node_count);
    if (job.need.targets > 1)
        further = further_targets(job, first);
    for (std::size_t i = 0; i < m_node_count; ++i)
        further[i] = further[i] && has_connection(i);
    while (seats.targets.size() < job.need.targets &&
           std::find(further.begin(), further.end(), true) != further.end()) {
        const std::size_t next = m_choice.next(further);
        further[next] = false;
        m_nodes[next].health.given(m_clock->monotonic());
        seats.targets.push_back(hold(next));
    }
    take_source(job, seats);
    return seats;
}

void Scheduler::take_source(const Job& job, Seats& seats) {
    seats.source = free_source(job);
    if (!seats.source)
        return;
    Node& node = m_nodes[*seats.source];
    ++node.connections;
    if (node.health.state() != NodeState::full) // that one can be read is no sign of room
        node.health.given(m_clock->monotonic());
}

void Scheduler::release(const Seats& seats) {
    const std::scoped_lock lock(m_mutex);
    --m_nodes[seats.targets.empty() ? m_node_count : seats.targets.front()].active;
    for (const std::size_t target : seats.targets)
        --m_nodes[target].connections;
    if (seats.source)
        --m_nodes[*seats.source].connections;
    m_room.notify_all();
    m_work.notify_all();
}

void Scheduler::change_source(const Job& job, Seats& seats) {
    const std::scoped_lock lock(m_mutex);
    if (seats.source)
        --m_nodes[*seats.source].connections;
    take_source(job, seats);
    m_room.notify_all();
    m_work.notify_all();
}

void Scheduler::succeeded(std::size_t node) {
    const std::scoped_lock lock(m_mutex);
    m_nodes[node].health.succeeded();
    m_nodes[node].last_success = m_clock->now();
}

void Scheduler::not_tried(std::size_t node) {
    const std::scoped_lock lock(m_mutex);
    m_nodes[node].health.not_tried();
}

std::vector<JobPtr> Scheduler::failed(std::size_t node, node::Failure failure, const std::string& reason) {
    const std::scoped_lock lock(m_mutex);
    m_nodes[node].last_error = m_clock->now();
    m_nodes[node].last_error_text = reason;
    if (!m_nodes[node].health.failed(failure, reason, m_clock->monotonic()))
        return {};
    // Jobs that wait for other nodes may have lost their last source.
    m_work.notify_all();
    return take_backlog(m_nodes[node]);
}

std::vector<JobPtr> Scheduler::close_nodes(const std::vector<std::string>& why_closed) {
    const std::scoped_lock lock(m_mutex);
    std::vector<JobPtr> waiting;
    for (std::size_t i = 0; i < m_node_count; ++i) {
        m_nodes[i].why_closed = why_closed[i];
        if (why_closed[i].empty() || m_nodes[i].backlog.empty())
            continue;
        m_nodes[i].health.not_tried(); // the job that was to probe it may be among these
        std::ranges::move(take_backlog(m_nodes[i]), std::back_inserter(waiting));
    }
    m_room.notify_all();
    return waiting;
}

std::vector<JobPtr> Scheduler::take_backlog(Node& node) {
    std::vector<JobPtr> waiting;
    for (auto& backlog = node.backlog; !backlog.empty(); backlog.pop_front())
        waiting.push_back(std::move(backlog.front().job));
    return waiting;
}

} // namespace nodespool::processor
