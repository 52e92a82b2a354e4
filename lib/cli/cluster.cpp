// Opening the cluster of an invocation.
#include "cli/cluster.hpp"

namespace nodespool::cli {

namespace {

base::LogLevel least_level(Verbosity verbosity) {
    switch (verbosity) {
    case Verbosity::quiet:
        return base::LogLevel::warning;
    case Verbosity::normal:
        return base::LogLevel::info;
    case Verbosity::verbose:
        return base::LogLevel::debug;
    }
    return base::LogLevel::info;
}

} // namespace

Config open_cluster(const Invocation& invocation, Passwords passwords) {
    Config config = load_config(invocation.directory, passwords);
    base::configure_log(invocation.program, config.log, least_level(invocation.verbosity));
    return config;
}

} // namespace nodespool::cli
