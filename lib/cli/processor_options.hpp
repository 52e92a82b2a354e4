// The options that the processors share: -j, --follow, --progress, --max-jobs, --only, --limit-rate.
#pragma once

#include "cli/config.hpp"
#include "cli/program.hpp"

#include <boost/program_options/options_description.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace nodespool::cli {

enum class Follow { no, yes };
/// Does the processor move contents? Only then is there a rate to limit.
enum class Transfers { no, yes };
enum class Progress { automatic, always, never };

struct ProcessorOptions {
    std::optional<unsigned> jobs; ///< -j, else `jobs` of the configuration: transfers at once, 1..1024
    Follow follow = Follow::no;
    Progress progress = Progress::automatic;
    std::optional<std::uint64_t> max_jobs;               ///< --max-jobs
    std::optional<std::string> only;                     ///< --only: a glob over cluster paths
    std::optional<std::uint64_t> limit_bytes_per_second; ///< --limit-rate
};

/// Declares them.
void add_processor_options(boost::program_options::options_description& options, Transfers transfers);
/// How they stand in the synopsis, with the common options that every processor takes.
std::string processor_synopsis(Transfers transfers);

/// Reads what add_processor_options() declared. @throws base::Error usage
ProcessorOptions processor_options(const Invocation& invocation, const Config& config);

} // namespace nodespool::cli
