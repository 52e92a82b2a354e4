// What the programs of the processors share: from the command line to the run, and what is said of it.
#pragma once

#include "base/stop_signal.hpp"
#include "catalog/catalog.hpp"
#include "cli/processor_options.hpp"
#include "cli/program.hpp"
#include "processor/cluster.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace nodespool::program {

/// What a work is made from.
struct WorkContext {
    const processor::Cluster& cluster;
    const queue::Spool& spool;
    const catalog::Catalog& catalog;
    std::optional<std::uint64_t> limit_bytes_per_second;
    std::function<base::Stop()> stop;
};
using MakeWork = std::function<std::unique_ptr<processor::Work>(const WorkContext&)>;

/// The command of a processor: options as in the man pages of store, replicate and remove.
cli::Command processor_command(const MakeWork& make_work, cli::Transfers transfers = cli::Transfers::yes);

} // namespace nodespool::program
