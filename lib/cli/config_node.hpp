// The [node.NAME] sections of the configuration.
#pragma once

#include "cli/config.hpp"
#include "cli/config_lines.hpp"

#include <sys/types.h>

#include <string>

namespace nodespool::cli {

/// Where a section was read, and for whom.
struct ConfigOrigin {
    std::string root;
    std::string file; ///< as messages name it
    mode_t file_mode = 0;
    Passwords passwords = Passwords::not_needed;
};

/// @throws base::Error config, with file and line
node::NodeConfig read_node(const ConfigSection& section, const std::string& node_name,
                           const ConfigOrigin& origin);

} // namespace nodespool::cli
