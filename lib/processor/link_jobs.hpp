// The jobs that follow from what a link file records.
#pragma once

#include "catalog/link.hpp"
#include "queue/job.hpp"

#include <cstdint>
#include <string>

namespace nodespool::processor {

/// `store FILE SIZE MTIME` for the version that @p link records: takes the local file away where the link
/// has its copies, and sends it where the link file names none (only once that is durable).
queue::JobRecord store_job(const catalog::Link& link);

/// `replicate FILE SIZE MTIME copies=N` for the version that @p link records.
queue::JobRecord replicate_job(const catalog::Link& link, unsigned copies);

/// `remove NODE NAME SIZE path=PATH` for a copy of @p path. @param size_bytes  0 where it is not known
queue::JobRecord remove_job(const catalog::Copy& copy, const std::string& path, std::uint64_t size_bytes);

} // namespace nodespool::processor
