// One syncfs(2), or an fsync(2) each.
#include "base/group_sync.hpp"

#include "base/file_system.hpp"

#include <fcntl.h>
#include <sys/utsname.h>

#include <cstdio>
#include <limits>
#include <optional>
#include <string>

namespace nodespool::base {

namespace {

constexpr std::size_t k_many_files = 4;

/// Before Linux 5.8, syncfs(2) succeeded where something could not be written.
bool tells_of_failed_syncs() {
    static const bool tells = [] {
        utsname system{};
        int major = 0;
        int minor = 0;
        return ::uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
               (major > 5 || (major == 5 && minor >= 8));
    }();
    return tells;
}

/// What waits for the disks of this machine (/proc/meminfo); all there can be where nobody tells.
std::uint64_t dirty_bytes() {
    constexpr std::uint64_t k_unknown = std::numeric_limits<std::uint64_t>::max();
    constexpr std::size_t k_longest = 16384;
    constexpr const char* k_file = "/proc/meminfo";
    const std::optional<Fd> file = try_open_at(k_cwd, k_file, O_RDONLY);
    if (!file)
        return k_unknown;
    const std::string text = read_whole(file->get(), k_longest, k_file);
    std::uint64_t sum = 0;
    for (const std::string_view key : {"\nDirty:", "\nWriteback:"}) {
        const std::size_t at = text.find(key);
        unsigned long long kibibytes = 0;
        if (at == std::string::npos || std::sscanf(text.c_str() + at + key.size(), "%llu", &kibibytes) != 1)
            return k_unknown;
        sum += kibibytes * 1024;
    }
    return sum;
}

} // namespace

void sync_together(const std::vector<StagedFile*>& files, std::uint64_t little_dirty_bytes) {
    for (StagedFile* file : files)
        file->flush();
    if (files.size() >= k_many_files && tells_of_failed_syncs() && dirty_bytes() <= little_dirty_bytes) {
        sync_file_system(files.front()->fd(), files.front()->m_temporary);
        for (StagedFile* file : files)
            file->m_synced = true;
        return;
    }
    for (const StagedFile* file : files)
        start_writeback(file->fd());
    for (StagedFile* file : files)
        file->sync();
}

} // namespace nodespool::base
