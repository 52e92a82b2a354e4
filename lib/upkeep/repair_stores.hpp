// Files without a copy whose local file is still there: storing them again.
#pragma once

#include "catalog/link.hpp"
#include "queue/job.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <unordered_set>

namespace nodespool::upkeep {

/// `store FILE SIZE MTIME` for the version that @p link records. Only once the link file that names no copy
/// is durable: before, store would find the file recorded and take it away.
queue::JobRecord store_job(const catalog::Link& link);

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
