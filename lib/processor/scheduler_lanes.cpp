// What lanes take from the scheduler and give back.
#include "base/log.hpp"
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
            limits.push_back(most_useful(node));
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

/// The place in its line of the first job that a lane can have all nodes for. What waits for a busy source
/// does not stop the jobs behind it, but they do not overtake it for ever.
std::optional<std::size_t> Scheduler::first_with_seats(std::size_t index, JobSize size,
                                                       Connection connection) const {
    const Backlog::Line& line = m_nodes[index].backlog.line(size);
    if (line.empty())
        return std::nullopt;
    const bool is_patient = m_clock->monotonic() - line.front().since < k_patience;
    const std::size_t reach = is_patient ? std::min(line.size(), k_backlog) : 1;
    for (std::size_t at = 0; at < reach; ++at) {
        const Job& job = *line[at].job;
        if (connection == Connection::held ? job.need.is_simple() : has_seats(job, index))
            return at;
    }
    return std::nullopt;
}

/// Which job of the node's backlog is next; Connection::held: for a lane that has a connection to it and
/// carries simple jobs only.
std::optional<Scheduler::Place> Scheduler::next_of(std::size_t index, Connection connection) const {
    const Node& node = m_nodes[index];
    if (node.backlog.empty() || (connection == Connection::free && !has_connection(index)))
        return std::nullopt;
    const auto small = first_with_seats(index, JobSize::small, connection);
    const auto large = first_with_seats(index, JobSize::large, connection);
    if (!large)
        return small ? std::optional(Place{JobSize::small, *small}) : std::nullopt;
    const Place large_one{JobSize::large, *large};
    if (!small)
        return large_one;
    const Backlog::Waiting& first_small = node.backlog.line(JobSize::small)[*small];
    const Backlog::Waiting& first_large = node.backlog.line(JobSize::large)[*large];
    const bool came_first = first_large.number < first_small.number;
    const bool is_before = first_large.job->priority < first_small.job->priority;
    if (came_first && (is_before || may_start_large(node, first_large.since)))
        return large_one;
    return Place{JobSize::small, *small};
}

/// While small jobs wait: does that leave them a connection and a lane? Where there is but one, has the large
/// one that came at @p since waited long enough?
bool Scheduler::may_start_large(const Node& node, base::MonotonicTime since) const {
    const unsigned at_once = std::min(node.limit.allowed(), fair_share());
    if (node.large + 1 < at_once)
        return true;
    return node.large == 0 && m_clock->monotonic() - std::max(since, node.last_large) >= k_patience;
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
            if (const std::optional<Place> place = next_of(i, Connection::free))
                best = Next{i, *place};
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
        look_for_growth();
        if (const std::optional<Next> next = next_for_a_lane()) {
            Task task{m_nodes[next->node].backlog.take(next->place.size, next->place.at), {}};
            task.seats = seat(*task.job, next->node);
            m_room.notify_all();
            return task;
        }
        if (next_lag() <= m_clock->monotonic() && relieve_nodes_that_lag())
            continue;
        const base::MonotonicTime now = m_clock->monotonic();
        base::MonotonicTime wake = next_growth();
        if (const base::MonotonicTime lag = next_lag(); lag > now)
            wake = std::min(wake, lag);
        if (wake > now && wake != base::MonotonicTime::max())
            m_work.wait_until(lock, wake);
        else
            m_work.wait(lock);
    }
}

JobPtr Scheduler::take_more(const Seats& seats, std::size_t given) {
    const std::scoped_lock lock(m_mutex);
    const std::size_t index = seats.targets.at(0);
    Node& node = m_nodes[index];
    if (m_closed || node.connections > node.limit.allowed())
        return nullptr;
    const std::optional<Place> next = next_of(index, Connection::held);
    if (!next || next->size != seats.size || is_turn_of_another(index, given))
        return nullptr;
    if (next->size == JobSize::large && !node.backlog.line(JobSize::small).empty())
        return nullptr; // who is first, and on which connection, is for take() to say
    m_room.notify_all();
    return node.backlog.take(next->size, next->at);
}

/// Should a lane of node @p index that had @p given jobs in a row there go to a node that has fewer lanes?
bool Scheduler::is_turn_of_another(std::size_t index, std::size_t given) const {
    const unsigned active = m_nodes[index].active;
    const auto waits = [&](std::size_t i) {
        return i != index && m_nodes[i].active < active && next_of(i, Connection::free).has_value();
    };
    if (given < k_stream && active <= fair_share())
        return false;
    for (std::size_t i = 0; i < m_nodes.size(); ++i)
        if (waits(i))
            return true;
    return false;
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
    return m_nodes[index].connections < m_nodes[index].limit.allowed();
}

/// Of the nodes that the job can be read from, the one with the most free connections.
std::optional<std::size_t> Scheduler::free_source(const Job& job) const {
    const auto free = [&](std::size_t i) { return m_nodes[i].limit.allowed() - m_nodes[i].connections; };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < job.need.sources.size(); ++i)
        if (can_read(job, i) && has_connection(i) && (!best || free(i) > free(*best)))
            best = i;
    return best;
}

/// Does a session do many such jobs at once, so that each connection more must be worth its login?
bool Scheduler::is_sharing(const Node& node, const Job& job) {
    return (job.record.keyword == queue::Keyword::remove ? node.shares_removals : node.shares_puts) &&
           job.need.is_simple() && size_of(job) == JobSize::small;
}

/// How many connections the node should have for small jobs that share them.
unsigned Scheduler::worth(const Node& node) {
    // So much takes a connection longer than a login, however fast the link is: ciphers and disks.
    constexpr std::uint64_t k_bytes_each = 32U << 20U;
    const std::uint64_t by_bytes = 1 + node.backlog.small_bytes() / k_bytes_each;
    return static_cast<unsigned>(std::max<std::uint64_t>(node.growth.worth(), by_bytes));
}

bool Scheduler::is_worth_a_connection(const Node& node, const Job& job) {
    return !is_sharing(node, job) || node.shared < worth(node);
}

/// How many lanes the node has use for, as its backlog stands.
unsigned Scheduler::most_useful(const Node& node) {
    const Backlog::Line& small = node.backlog.line(JobSize::small);
    if (small.empty() || !node.backlog.line(JobSize::large).empty() || !is_sharing(node, *small.front().job))
        return node.limit.allowed();
    return std::min(node.limit.allowed(), node.active - node.shared + worth(node));
}

void Scheduler::look_for_growth() {
    for (Node& node : m_nodes)
        if (node.shared > 0 &&
            node.growth.look(node.backlog.line(JobSize::small).size(), m_clock->monotonic()))
            m_work.notify_all();
}

/// When a lane that waits should look again; max: whatever changes wakes it.
base::MonotonicTime Scheduler::next_growth() const {
    base::MonotonicTime next = base::MonotonicTime::max();
    for (const Node& node : m_nodes)
        if (node.shared > 0)
            next = std::min(next, node.growth.next_look());
    return next;
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
    if (!has_connection(first) || !is_worth_a_connection(m_nodes[first], job))
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
    seats.size = size_of(job);
    ++m_nodes[first].active;
    m_nodes[first].large += seats.size == JobSize::large ? 1 : 0;
    if (first == m_node_count)
        return seats;
    const auto hold = [&](std::size_t index) {
        ++m_nodes[index].connections;
        return index;
    };
    seats.targets.push_back(hold(first));
    if (is_sharing(m_nodes[first], job))
        count_shared(m_nodes[first], seats);
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

void Scheduler::count_shared(Node& node, Seats& seats) {
    const base::MonotonicTime now = m_clock->monotonic();
    seats.is_shared = true;
    if (++node.shared == 1) {
        node.growth.begin(now);
        m_work.notify_all(); // those that wait for more of them to be worth it look at the clock from here on
    }
    if (node.shared > node.most_shared)
        seats.logs_in_since = now;
}

void Scheduler::take_source(const Job& job, Seats& seats) {
    seats.source = free_source(job);
    if (!seats.source)
        return;
    Node& node = m_nodes[*seats.source];
    ++node.connections;
    if (!node.health.is_read_only())
        node.health.given(m_clock->monotonic());
}

void Scheduler::release(const Seats& seats) {
    const std::scoped_lock lock(m_mutex);
    Node& first = m_nodes[seats.targets.empty() ? m_node_count : seats.targets.front()];
    --first.active;
    first.working -= seats.has_worked ? 1 : 0;
    first.shared -= seats.is_shared ? 1 : 0;
    if (seats.size == JobSize::large) {
        --first.large;
        first.last_large = m_clock->monotonic();
    }
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
    note_success(m_nodes[node]);
}

void Scheduler::succeeded(Seats& seats) {
    const std::scoped_lock lock(m_mutex);
    Node& node = m_nodes[seats.targets.at(0)];
    if (seats.is_shared)
        note_ended(node, seats);
    node.working += seats.has_worked ? 0 : 1;
    seats.has_worked = true;
    note_success(node);
}

void Scheduler::note_ended(Node& node, const Seats& seats) {
    if (!seats.has_worked && seats.logs_in_since) {
        const base::MonotonicTime now = m_clock->monotonic();
        node.most_shared = std::max(node.most_shared, node.shared);
        node.growth.logged_in(now - *seats.logs_in_since, now);
        m_work.notify_all(); // what waits for a look now waits for another time
    }
    node.growth.job_ended();
}

void Scheduler::note_success(Node& node) {
    node.health.succeeded();
    node.last_success = m_clock->now();
    if (node.limit.succeeded(m_clock->monotonic()))
        m_work.notify_all();
}

bool Scheduler::refused(std::size_t node, std::size_t idle, const std::string& reason) {
    const std::scoped_lock lock(m_mutex);
    Node& at = m_nodes[node];
    const unsigned before = at.limit.allowed();
    const auto others = static_cast<unsigned>(idle);
    if (!at.limit.refused(at.connections + others, at.working + others, m_clock->monotonic()))
        return false;
    if (at.limit.allowed() < before)
        base::log(base::LogLevel::warning, {{"result", "fewer-connections"},
                                            {"node", at.config.name},
                                            {"connections", std::to_string(at.limit.allowed())},
                                            {"reason", reason}});
    return true;
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
    return m_nodes[node].backlog.take_all();
}

bool Scheduler::is_scarce(std::size_t node) {
    const std::scoped_lock lock(m_mutex);
    return m_nodes[node].limit.allowed() < m_nodes[node].config.connections;
}

std::vector<JobPtr> Scheduler::close_nodes(const std::vector<std::string>& why_closed) {
    const std::scoped_lock lock(m_mutex);
    std::vector<JobPtr> waiting;
    for (std::size_t i = 0; i < m_node_count; ++i) {
        m_nodes[i].why_closed = why_closed[i];
        if (why_closed[i].empty() || m_nodes[i].backlog.empty())
            continue;
        m_nodes[i].health.not_tried(); // the job that was to probe it may be among these
        std::ranges::move(m_nodes[i].backlog.take_all(), std::back_inserter(waiting));
    }
    m_room.notify_all();
    return waiting;
}

} // namespace nodespool::processor
