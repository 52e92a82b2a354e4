// A node is lost for good: its copies leave the catalogue.
#pragma once

#include "catalog/catalog.hpp"
#include "processor/cluster.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace nodespool::upkeep {

enum class InFileSpace { no, yes };

struct ForgetReport {
    enum class End {
        complete,
        stopped ///< by ForgetListener::stop
    };
    End end = End::complete;
    std::uint64_t links = 0;      ///< link files looked at
    std::uint64_t files = 0;      ///< of them, those that named the node
    std::uint64_t lost = 0;       ///< of these, those without another copy
    std::uint64_t to_store = 0;   ///< `store` jobs queued: the file space still holds the version
    std::uint64_t to_copy = 0;    ///< `replicate` jobs queued
    std::uint64_t waiting = 0;    ///< short of copies, and the job was queued already
    std::uint64_t unreadable = 0; ///< link files that nobody can read: they may name the node still
};

struct ForgetListener {
    /// A file without another copy. Told before its link file is changed, so that a run that is killed in
    /// between tells it once more, not never; what it throws ends the run with the link as it was. Not called
    /// under a lock: it may wait.
    std::function<void(const catalog::Link&, InFileSpace)> on_lost;
    std::function<void()> flush;                          ///< all that was told is with its reader after this
    std::function<void(const ForgetReport&)> on_progress; ///< often
    std::function<bool()> stop = [] { return false; };    ///< asked often; true: end soon
};

enum class Replicate { no, yes };

/// One pass over all link files: every `server` and `gone` line of @p node leaves them, in groups under lock.
/// A link file that loses its last copy stays, with none; where the file space still holds that version, a
/// `store` job is queued, after the link file is durable (before, `store` would find it recorded and take the
/// local file away). With Replicate::yes, every link that is short of copies and has one gets a `replicate`
/// job, unless one is queued: also those of a run before, which may have been killed in between.
/// @p node need not be configured. May run beside processors, and may be killed at any point: the next run
/// goes on.
/// @param spool  nullptr: a dry run, which changes nothing
ForgetReport forget(const processor::Cluster& cluster, const catalog::Catalog& catalog,
                    const queue::Spool* spool, const std::string& node, Replicate replicate,
                    const ForgetListener& listener);

} // namespace nodespool::upkeep
