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

void warn_of_nodes_not_verified(const Config& config) {
    for (const node::NodeConfig& node : config.nodes)
        if (node.tls_verify == node::TlsVerify::no)
            base::log(base::LogLevel::warning,
                      {{"node", node.name},
                       {"msg", "tls-verify = no: whoever stands between can read and change what goes to it, "
                               "passwords too"}});
}

} // namespace

Config open_cluster(const Invocation& invocation, Passwords passwords) {
    Config config = load_config(invocation.directory, passwords);
    base::configure_log(invocation.program, config.log, least_level(invocation.verbosity));
    if (passwords == Passwords::needed)
        warn_of_nodes_not_verified(config);
    return config;
}

} // namespace nodespool::cli
