// A node server as the configuration describes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::node {

/// One `[node.NAME]` section, checked. Passwords are in here and nowhere else; nothing prints this type.
struct NodeConfig {
    std::string name;
    /// `ftp://[USER@]HOST[:PORT]/[DIR]` or `file:///DIR`, without a password: lib/node takes it out (see
    /// parse_node_url()).
    std::string url;
    std::string user;
    std::string password;
    unsigned connections = 4;
    unsigned weight = 1;
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds stall_timeout{60};
};

/// Splits @p url_text into config.url, config.user and config.password (percent-decoded).
/// @throws base::Error config: an unknown scheme, a missing host, a `file:` URL that is not absolute; the
/// message never holds the password
void parse_node_url(std::string_view url_text, NodeConfig& config);

} // namespace nodespool::node
