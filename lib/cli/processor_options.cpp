// The options that the processors share.
#include "cli/processor_options.hpp"

#include "cli/option_values.hpp"

#include <limits>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

constexpr unsigned k_most_jobs = 1024;

Progress progress_of(const Invocation& invocation) {
    const std::string text = text_of(invocation, "progress").value_or("auto");
    if (text == "auto")
        return Progress::automatic;
    if (text == "always")
        return Progress::always;
    if (text == "never")
        return Progress::never;
    throw_bad_option("progress", text, "auto, always or never");
}

} // namespace

void add_processor_options(po::options_description& options, Transfers transfers) {
    auto add = options.add_options();
    add(",j", po::value<std::string>()->value_name("N"),
        "lanes, each with a connection to a node, 1 to 1024");
    add("follow", "stay, and start on new queue files as they come");
    add("progress", po::value<std::string>()->value_name("WHEN"),
        "a live display: auto (on a terminal), always or never");
    add("max-jobs", po::value<std::string>()->value_name("N"), "end after N jobs");
    add("only", po::value<std::string>()->value_name("GLOB"), "only files whose path matches");
    if (transfers == Transfers::yes)
        add("limit-rate", po::value<std::string>()->value_name("RATE"),
            "bytes per second, all transfers together; suffixes K, M, G and T");
}

std::string processor_synopsis(Transfers transfers) {
    return std::string("[-nqv] [-C DIR] [-j N] [--follow] [--json] ") +
           (transfers == Transfers::yes ? "[--limit-rate RATE] " : "") +
           "[--max-jobs N] [--only GLOB] [--progress WHEN]";
}

ProcessorOptions processor_options(const Invocation& invocation, const Config& config) {
    ProcessorOptions options;
    options.jobs = config.jobs;
    if (const auto jobs = number_of(invocation, "-j", 1, k_most_jobs))
        options.jobs = static_cast<unsigned>(*jobs);
    options.follow = invocation.has("follow") ? Follow::yes : Follow::no;
    options.progress = progress_of(invocation);
    options.max_jobs = number_of(invocation, "max-jobs", 1, std::numeric_limits<std::uint64_t>::max());
    options.only = text_of(invocation, "only");
    if (options.only && options.only->empty())
        throw_bad_option("only", *options.only, "a pattern such as 'photos/*.jpg'");
    if (invocation.has("limit-rate"))
        options.limit_bytes_per_second = bytes_of(invocation, "limit-rate");
    return options;
}

} // namespace nodespool::cli
