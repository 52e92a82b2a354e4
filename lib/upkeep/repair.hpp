// repair: works off what check found. Nothing that it is told is trusted: each finding is verified again.
#pragma once

#include "base/line_sorter.hpp"
#include "processor/cluster.hpp"
#include "queue/spool.hpp"
#include "upkeep/explanations.hpp"
#include "upkeep/repair_decision.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nodespool::upkeep {

enum class Orphans {
    adopt, ///< a link file under `lost+found/NODE/`
    remove ///< a `remove` job
};
enum class Intent {
    change,
    pretend ///< a dry run: nodes are asked, nothing changes
};

struct RepairOptions {
    Orphans orphans = Orphans::adopt;
    Intent intent = Intent::change;
    /// Each finding's end, after what was done about it is durable.
    std::function<void(const RepairOutcome&)> on_outcome;
};

struct RepairSummary {
    bool left = false;       ///< something is as bad as before: lost, kept, or not verified
    bool unreadable = false; ///< something on the cluster server could not be read
};

/// The link file that an orphan is given.
std::string lost_and_found_path(const std::string& node, const std::string& name);

/// Takes any number of findings in, in bounded memory, then works them off. Killed at any point it leaves
/// only what check finds again: first link files change, durably and under lock, then `remove` jobs for the
/// copies that left them as `gone` lines, then `replicate` and `store` jobs.
class Repair {
  public:
    Repair(const processor::Cluster& cluster, RepairOptions options);

    void add(const Finding& finding);
    /// Once.
    RepairSummary run();

  private:
    const processor::Cluster* m_cluster;
    RepairOptions m_options;
    base::LineSorter m_of_files; ///< FILE FINDING, so that what concerns one file stands together
    CopyFacts m_orphans;         ///< as if they had just been listed
    std::uint64_t m_orphan_count = 0;
};

} // namespace nodespool::upkeep
