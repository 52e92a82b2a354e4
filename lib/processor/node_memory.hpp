// What runs hand on to each other about the nodes: the operator's marks, the round-robin cursor, and the
// health that was seen last.
#pragma once

#include "processor/cluster.hpp"
#include "processor/node_marks.hpp"
#include "processor/scheduler.hpp"
#include "processor/work.hpp"

#include <string>
#include <vector>

namespace nodespool::processor {

/// The round-robin cursor that an earlier run of this work saved (`.state/round-robin-VERB`); empty where
/// there is none.
std::string saved_cursor(const Cluster& cluster, const Work& work);

/// Why the operator's marks keep each node from this work; empty: they do not.
std::vector<std::string> closed_by_marks(const Cluster& cluster, const NodeMarks& marks, Use use);

/// For the feeder's thread.
class NodeMemory {
  public:
    NodeMemory(const Cluster& cluster, const Work& work, Scheduler& scheduler);

    void restore_cursor();
    /// Closes nodes by the marks as they stand now. @return the jobs that waited for them, to be placed
    /// again.
    std::vector<JobPtr> follow_marks();
    /// Records the health of nodes whose state or last error changed since the last call.
    void record_changes();
    /// At the end of a pass: cursor and health.
    void save();

  private:
    void record(const Scheduler::NodeReport& node);
    void save_cursor();

    const Cluster* m_cluster;
    const Work* m_work;
    Scheduler* m_scheduler;
    NodeMarksFile m_marks;
    std::vector<std::string> m_closed;
    std::string m_saved_cursor;
    std::vector<Scheduler::NodeReport> m_recorded;
};

} // namespace nodespool::processor
