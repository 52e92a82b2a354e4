// The configuration of a cluster: ROOT/.cluster.conf and the environment, checked (nodespool.conf(5)).
#pragma once

#include "base/checksum.hpp"
#include "base/log.hpp"
#include "node/config.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::cli {

enum class KeepLocal { no, yes };

struct Config {
    std::string root;  ///< absolute, no symbolic links in it
    std::string files; ///< the file space: a directory, absolute, no symbolic links in it
    base::ChecksumKind checksum = base::ChecksumKind::sha256;
    KeepLocal keep_local = KeepLocal::no;
    unsigned release_at_copies = 1;
    std::chrono::seconds quiet{10};
    base::LogTarget log;
    std::optional<unsigned> jobs;        ///< default of -j
    std::vector<node::NodeConfig> nodes; ///< in the order of the file
};

/// Does the caller talk to nodes? Only then are passwords fetched: the upload hook runs as a user who may
/// not.
enum class Passwords { not_needed, needed };

/// Finds the cluster root (@p root_option as given with -C, else $NODESPOOL_ROOT, else the working directory
/// where it has a .cluster.conf), refuses it where others can write to what nodespool trusts, and reads the
/// configuration. Environment variables go before the file; an empty one counts as not set.
/// @throws base::Error config ("FILE:LINE: found ..., expected ..."), permission or io
Config load_config(const std::string& root_option, Passwords passwords);

} // namespace nodespool::cli
