// Emptying a node: a copy leaves it only after enough others were seen on other nodes.
#pragma once

#include "catalog/catalog.hpp"
#include "processor/cluster.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nodespool::upkeep {

enum class Drained {
    dropped,   ///< enough others were seen: it left the link file, its `remove` job is queued
    queued,    ///< a `replicate` job was queued, the copy stays until that is done
    waiting,   ///< the same, and the job was queued already
    not_seen,  ///< the link file names enough others, but they were not seen with the right size: it stays
    cannot,    ///< fewer nodes can hold a copy than the file is to have: it stays
    changed,   ///< the file became another one meanwhile: the next run looks again
    unreadable ///< the link file cannot be read: nobody can tell
};
inline constexpr std::size_t k_drained_kinds = 7;
std::string_view to_string(Drained drained);

/// What became of one file that has a copy on the node.
struct DrainedFile {
    Drained drained = Drained::dropped;
    std::string path;
    std::uint64_t size_bytes = 0;
    std::string detail; ///< why not, or where the others were seen
};

struct DrainReport {
    enum class End {
        complete,
        resumed, ///< the node is not marked as draining any more: nothing was dropped since that was seen
        stopped  ///< by DrainListener::stop
    };
    End end = End::complete;
    std::uint64_t links = 0; ///< link files looked at
    std::uint64_t files = 0; ///< of them, those with a copy on the node
    std::uint64_t by_kind[k_drained_kinds] = {};
    std::uint64_t came = 0; ///< copies that came to the node after their link file was looked at

    [[nodiscard]] std::uint64_t count(Drained drained) const {
        return by_kind[static_cast<std::size_t>(drained)];
    }
    /// Files that still have a copy on the node, as far as they were looked at.
    [[nodiscard]] std::uint64_t left() const { return files - count(Drained::dropped) + came; }
};

struct DrainListener {
    std::function<void(const DrainedFile&)> on_file;     ///< once what it tells is durable
    std::function<void(const DrainReport&)> on_progress; ///< often
    std::function<bool()> stop = [] { return false; };   ///< asked often; true: end soon
};

/// One pass over all link files. @p node is marked as draining already; each group of copies is dropped under
/// its links' locks, after a look that it still is and that the links still say what was relied on. May run
/// twice at once and beside processors, and may be killed at any point: the next run goes on.
/// @param spool  nullptr: a dry run, which asks nodes and changes nothing
DrainReport drain(const processor::Cluster& cluster, const catalog::Catalog& catalog,
                  const queue::Spool* spool, const std::string& node, const DrainListener& listener);

} // namespace nodespool::upkeep
