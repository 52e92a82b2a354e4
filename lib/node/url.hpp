// Node URLs taken apart: `ftp://[USER[:PASSWORD]@]HOST[:PORT]/[DIR]`, `ftps:` and `sftp:` likewise, and
// `file:///DIR`.
#pragma once

#include "node/config.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::node {

/// The parts, percent-decoded and checked.
struct NodeUrl {
    Scheme scheme = Scheme::file;
    std::string user;
    std::string password;
    /// An IPv6 address without its brackets; of sftp: as ssh is told it, so that it may be an alias of
    /// ssh_config(5). It never begins with '-'.
    std::string host;
    std::uint16_t port = 0; ///< 0: as ssh's configuration says (sftp), or meaningless (file)
    /// No slash at the end, no empty, `.` or `..` component. On a server: below the login directory ("" is
    /// that directory itself), or absolute where the URL's path began with %2F (RFC 1738 §3.2.2). file:
    /// absolute.
    std::string directory;
    /// The same URL without its password.
    std::string without_password;
};

/// @param node_name  for the message
/// @throws base::Error config, with a message that quotes nothing a password could hide in
NodeUrl split_node_url(std::string_view text, std::string_view node_name);

} // namespace nodespool::node
