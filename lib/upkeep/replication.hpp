// Which `replicate` jobs are queued already.
#pragma once

#include "catalog/link.hpp"
#include "queue/job.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <unordered_map>

namespace nodespool::upkeep {

/// The `replicate` jobs that will run, ready and deferred, as one look at the whole queue found them. Held
/// and rejected ones do not count, nor those that name nodes: they may never reach the number. Memory: 16
/// bytes a job.
class QueuedReplications {
  public:
    explicit QueuedReplications(const queue::Spool& spool);

    /// Will a queued job see to it that this version has @p copies copies?
    [[nodiscard]] bool has(const catalog::Link& link, unsigned copies) const;
    /// The caller has queued replicate_job(link, copies) since.
    void add(const catalog::Link& link, unsigned copies);

  private:
    void add(const queue::JobRecord& job);

    std::unordered_map<std::uint64_t, unsigned> m_copies; ///< by hash of path, size and time
};

} // namespace nodespool::upkeep
