// Backlogs and shares.
#include "processor/scheduler.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace nodespool::processor {

namespace {

/// A node with less than this will soon have nothing to do.
constexpr std::size_t k_low_backlog = Scheduler::k_backlog / 2;
/// No backlog grows beyond this.
constexpr std::size_t k_long_backlog = 4096;

bool any(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
}

std::vector<NodeChoice::Node> for_choice(const std::vector<node::NodeConfig>& nodes) {
    std::vector<NodeChoice::Node> list;
    list.reserve(nodes.size());
    for (const node::NodeConfig& node : nodes)
        list.push_back({node.name, node.weight});
    return list;
}

} // namespace

Scheduler::Scheduler(const std::vector<node::NodeConfig>& nodes, unsigned lanes, const base::Clock& clock)
    : m_clock(&clock),
      m_lanes(lanes),
      m_node_count(nodes.size()),
      m_choice(for_choice(nodes)) {
    node::NodeConfig here;
    here.connections = std::numeric_limits<unsigned>::max();
    for (const node::NodeConfig& node : nodes)
        m_nodes.emplace_back(node);
    m_nodes.emplace_back(here);
}

bool Scheduler::can_take(const Node& node, const Job& job, std::size_t index) const {
    const std::vector<bool>& barred = job.need.barred;
    return !job.has_tried(index) && (barred.empty() || !barred[index]) && node.why_closed.empty() &&
           job.record.nodes.allows(node.config.name) && node.health.is_usable(m_clock->monotonic());
}

std::vector<bool> Scheduler::candidates(const Job& job) const {
    std::vector<bool> eligible(m_node_count);
    if (!can_read_somewhere(job))
        return eligible;
    for (std::size_t i = 0; i < m_node_count; ++i)
        eligible[i] = can_take(m_nodes[i], job, i);
    return eligible;
}

void Scheduler::enqueue(std::size_t node, JobPtr& job) {
    Node& at = m_nodes[node];
    const Job& waiting = *job;
    at.health.given(m_clock->monotonic());
    at.backlog.push_back(std::move(job), m_clock->monotonic());
    if (is_worth_a_connection(at, waiting)) // else it is for a lane that works already
        m_work.notify_one();
}

Scheduler::Placement Scheduler::place(JobPtr& job) {
    std::unique_lock lock(m_mutex);
    for (;;) {
        if (m_closed)
            return Placement::interrupted;
        const std::vector<bool> eligible = candidates(*job);
        if (!any(eligible))
            return Placement::no_node;
        if (keeps_up(m_nodes[m_choice.turn(eligible)])) {
            enqueue(m_choice.next(eligible), job);
            return Placement::placed;
        }
        // It does not keep up. As long as the other nodes have plenty to do, the turn waits for it.
        const std::vector<bool> low = with_backlog_below(k_low_backlog, eligible);
        if (any(low)) {
            enqueue(m_choice.next(low), job);
            return Placement::placed;
        }
        if (others_run_low(eligible)) {
            // Waiting here would keep the jobs behind this one from nodes that this one must not use.
            const std::vector<bool> with_long_room = with_backlog_below(k_long_backlog, eligible);
            if (!any(with_long_room))
                return Placement::no_room;
            enqueue(m_choice.next(with_long_room), job);
            return Placement::placed;
        }
        m_room.wait(lock);
    }
}

std::vector<bool> Scheduler::with_backlog_below(std::size_t limit, const std::vector<bool>& eligible) const {
    std::vector<bool> below(m_node_count);
    for (std::size_t i = 0; i < m_node_count; ++i)
        below[i] = eligible[i] && m_nodes[i].backlog.size() < limit;
    return below;
}

bool Scheduler::keeps_up(const Node& node) const {
    if (node.backlog.size() < k_backlog)
        return true;
    return node.backlog.size() < k_long_backlog &&
           m_clock->monotonic() - node.backlog.first_since() < k_patience;
}

/// When the first of the long backlogs will have waited too long; max: there is none.
base::MonotonicTime Scheduler::next_lag() const {
    base::MonotonicTime next = base::MonotonicTime::max();
    for (std::size_t i = 0; i < m_node_count; ++i)
        if (m_nodes[i].backlog.size() > k_backlog)
            next = std::min(next, m_nodes[i].backlog.first_since() + k_patience);
    return next;
}

/// Gives what is too much in the backlogs of nodes that lag to nodes that run low. @return whether any job
/// was moved
bool Scheduler::relieve_nodes_that_lag() {
    bool moved = false;
    for (std::size_t i = 0; i < m_node_count; ++i) {
        if (keeps_up(m_nodes[i]))
            continue;
        m_nodes[i].backlog.for_each_beyond(k_backlog, [&](JobPtr& job) {
            std::vector<bool> others = with_backlog_below(k_backlog, candidates(*job));
            others[i] = false;
            if (!any(others))
                return;
            enqueue(m_choice.next(others), job);
            moved = true;
        });
    }
    return moved;
}

bool Scheduler::others_run_low(const std::vector<bool>& eligible) const {
    for (std::size_t i = 0; i < m_node_count; ++i)
        if (!eligible[i] && m_nodes[i].backlog.size() < k_low_backlog &&
            m_nodes[i].health.is_usable(m_clock->monotonic()))
            return true;
    return false;
}

Scheduler::Placement Scheduler::place_again(JobPtr& job) {
    const std::scoped_lock lock(m_mutex);
    if (m_closed)
        return Placement::interrupted;
    const std::vector<bool> eligible = candidates(*job);
    if (!any(eligible))
        return Placement::no_node;
    enqueue(m_choice.next(eligible), job);
    return Placement::placed;
}

Scheduler::Placement Scheduler::put_back(JobPtr& job, std::size_t node) {
    {
        const std::scoped_lock lock(m_mutex);
        if (m_closed)
            return Placement::interrupted;
        if (can_take(m_nodes[node], *job, node)) {
            m_nodes[node].health.given(m_clock->monotonic());
            m_nodes[node].backlog.push_front(std::move(job), m_clock->monotonic());
            m_work.notify_one();
            return Placement::placed;
        }
    }
    return place_again(job);
}

Scheduler::Placement Scheduler::place_here(JobPtr& job) {
    std::unique_lock lock(m_mutex);
    m_room.wait(lock, [&] { return m_closed || m_nodes.back().backlog.size() < k_backlog; });
    if (m_closed)
        return Placement::interrupted;
    enqueue(m_node_count, job);
    return Placement::placed;
}

std::optional<std::string> Scheduler::preview(const Job& job) {
    const std::scoped_lock lock(m_mutex);
    const std::vector<bool> eligible = candidates(job);
    if (!any(eligible))
        return std::nullopt;
    return m_nodes[m_choice.next(eligible)].config.name;
}

std::string Scheduler::why_no_node(const Job& job) {
    const std::scoped_lock lock(m_mutex);
    std::string why;
    const auto add = [&](const std::string& reason) { why += (why.empty() ? "" : "; ") + reason; };
    const auto state_of = [&](const Node& node, bool tried) {
        if (!node.why_closed.empty())
            return node.config.name + ": " + node.why_closed;
        if (node.health.state() != NodeState::up)
            return node.health.reason() + " (" + std::string(to_string(node.health.state())) + ")";
        if (tried && job.last_error.starts_with(node.config.name + ":"))
            return job.last_error;
        return node.config.name + ": failed";
    };
    const bool is_readable = can_read_somewhere(job);
    for (std::size_t i = 0; i < m_node_count; ++i) {
        const Node& node = m_nodes[i];
        if (!is_readable) {
            if (job.need.sources[i])
                add(state_of(node, job.has_tried_source(i)));
        } else if (job.record.nodes.allows(node.config.name) &&
                   (job.need.barred.empty() || !job.need.barred[i])) {
            add(state_of(node, job.has_tried(i)));
        }
    }
    if (!is_readable)
        return "no copy can be read: " + why;
    if (why.empty())
        return m_node_count == 0 ? "no node is configured" : "no node is left that may take it";
    return why;
}

std::vector<JobPtr> Scheduler::close() {
    const std::scoped_lock lock(m_mutex);
    m_closed = true;
    std::vector<JobPtr> waiting;
    for (Node& node : m_nodes)
        std::ranges::move(node.backlog.take_all(), std::back_inserter(waiting));
    m_room.notify_all();
    m_work.notify_all();
    return waiting;
}

std::vector<Scheduler::NodeReport> Scheduler::report() {
    const std::scoped_lock lock(m_mutex);
    std::vector<NodeReport> list;
    for (std::size_t i = 0; i < m_node_count; ++i) {
        const Node& node = m_nodes[i];
        list.push_back({node.config.name, node.health.state(), node.last_error_text, node.backlog.size(),
                        node.active, node.limit.allowed(), node.last_success, node.last_error});
    }
    return list;
}

std::string Scheduler::cursor() {
    const std::scoped_lock lock(m_mutex);
    return m_choice.cursor();
}

void Scheduler::restore_cursor(const std::string& cursor) {
    const std::scoped_lock lock(m_mutex);
    m_choice.restore(cursor);
}

} // namespace nodespool::processor
