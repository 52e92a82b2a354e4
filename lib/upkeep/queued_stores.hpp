// Which `store` and `upload` jobs are queued already.
#pragma once

#include "catalog/link.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <unordered_set>

namespace nodespool::upkeep {

/// The `store` and `upload` jobs that wait, as one look at the whole queue found them. Memory: a word a job.
class QueuedStores {
  public:
    explicit QueuedStores(const queue::Spool& spool);
    /// The caller queues a job for it; false: there is one already.
    bool add(const catalog::Link& link);

  private:
    std::unordered_set<std::uint64_t> m_versions; ///< by hash of path and size
};

} // namespace nodespool::upkeep
