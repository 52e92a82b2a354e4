// Many small files on disk at the price of few.
#pragma once

#include "base/staged_file.hpp"

#include <cstdint>
#include <vector>

namespace nodespool::base {

/// syncfs(2) waits for what others wrote, too: not where that is more than a moment's work for a disk.
inline constexpr std::uint64_t k_little_dirty_bytes = 16U << 20U;

/// StagedFile::sync() of each. Where they are many and no more than @p little_dirty_bytes wait for the disks
/// of this machine, by one syncfs(2), which writes what they share (blocks of inodes, the flush of the disk's
/// cache) once; all on one file system. Not on kernels before 5.8, whose syncfs(2) hides failures.
void sync_together(const std::vector<StagedFile*>& files,
                   std::uint64_t little_dirty_bytes = k_little_dirty_bytes);

} // namespace nodespool::base
