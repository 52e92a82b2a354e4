// What a processor would do, said line by line, with nothing changed and no node asked.
#pragma once

#include "processor/cluster.hpp"
#include "processor/processor.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <functional>

namespace nodespool::processor {

struct Intention {
    std::string job;  ///< QUEUEFILE:LINE
    std::string path; ///< raw cluster path; empty: the line cannot be parsed
    std::string what; ///< "store", "drop as stale", "reject", "wait until ...", ...
    std::string node; ///< where it would be sent
    std::uint64_t size_bytes = 0;
    std::string reason;
};

/// Reads the queue without locks and calls @p tell for each line of the work's own. @return what a run would
/// report
Summary dry_run(const Cluster& cluster, const queue::Spool& spool, Work& work, const RunOptions& options,
                const std::function<void(const Intention&)>& tell);

} // namespace nodespool::processor
