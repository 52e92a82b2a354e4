// Marks in, cursor and health out.
#include "processor/node_memory.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/staged_file.hpp"
#include "processor/node_state.hpp"

#include <fcntl.h>

namespace nodespool::processor {

namespace {

std::string state_directory(const Cluster& cluster) {
    return cluster.root + "/.state";
}

std::string cursor_file(const Work& work) {
    return "round-robin-" + std::string(work.verb());
}

} // namespace

std::string saved_cursor(const Cluster& cluster, const Work& work) {
    constexpr std::size_t k_most_bytes = 1U << 20U;
    const std::string path = state_directory(cluster) + "/" + cursor_file(work);
    try {
        const auto fd = base::try_open_regular(base::k_cwd, path); // anything else is as good as lost
        return fd ? base::read_whole(fd->get(), k_most_bytes, path) : std::string();
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning,
                  std::string("the round robin begins with the first node: ") + error.what());
        return {};
    }
}

std::vector<std::string> closed_by_marks(const Cluster& cluster, const NodeMarks& marks, Use use) {
    std::vector<std::string> why;
    for (const node::NodeConfig& node : cluster.nodes) {
        const Mark mark = marks.of(node.name);
        const bool closed =
            use == Use::new_copies ? !marks.takes_new_copies(node.name) : mark == Mark::read_only;
        why.emplace_back(closed ? to_string(mark) : "");
    }
    return why;
}

NodeMemory::NodeMemory(const Cluster& cluster, const Work& work, Scheduler& scheduler)
    : m_cluster(&cluster),
      m_work(&work),
      m_scheduler(&scheduler),
      m_marks(cluster.root),
      m_recorded(scheduler.report()) {}

void NodeMemory::restore_cursor() {
    if (m_work->use() != Use::new_copies) // it has no choice
        return;
    m_saved_cursor = saved_cursor(*m_cluster, *m_work);
    m_scheduler->restore_cursor(m_saved_cursor);
}

std::vector<JobPtr> NodeMemory::follow_marks() {
    std::vector<std::string> closed = closed_by_marks(*m_cluster, m_marks.current(), m_work->use());
    if (closed == m_closed)
        return {};
    m_closed = std::move(closed);
    return m_scheduler->close_nodes(m_closed);
}

void NodeMemory::record_changes() {
    const std::vector<Scheduler::NodeReport> now = m_scheduler->report();
    for (std::size_t i = 0; i < now.size(); ++i)
        if (now[i].state != m_recorded[i].state || now[i].last_error != m_recorded[i].last_error)
            record(now[i]);
    m_recorded = now;
}

void NodeMemory::save() {
    for (const std::string& directory :
         {state_directory(*m_cluster), state_directory(*m_cluster) + "/health"})
        if (const auto fd = base::try_open_at(base::k_cwd, directory, O_RDONLY | O_DIRECTORY))
            base::clear_abandoned(fd->get(), directory);
    for (const Scheduler::NodeReport& node : m_recorded = m_scheduler->report())
        if (node.last_success || node.last_error)
            record(node);
    save_cursor();
}

void NodeMemory::record(const Scheduler::NodeReport& node) {
    RecordedHealth health;
    health.state = node.state;
    health.since = node.last_error.value_or(node.last_success.value_or(base::Timestamp()));
    if (node.last_error)
        health.last_error = {*node.last_error, node.reason};
    health.last_success = node.last_success;
    health.program = m_work->verb();
    record_node_health(m_cluster->root, node.name, std::move(health));
}

void NodeMemory::save_cursor() {
    const std::string cursor = m_scheduler->cursor();
    if (cursor == m_saved_cursor || m_work->use() != Use::new_copies)
        return;
    base::make_shared_directory(state_directory(*m_cluster));
    const base::Fd directory = base::open_directory(state_directory(*m_cluster));
    base::publish(directory.get(), cursor_file(*m_work), cursor, 0660, base::Replace::yes);
    m_saved_cursor = cursor;
}

} // namespace nodespool::processor
