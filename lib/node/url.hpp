// Node URLs taken apart: `ftp://[USER[:PASSWORD]@]HOST[:PORT]/[DIR]` and `file:///DIR`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::node {

enum class Scheme { ftp, file };

/// The parts, percent-decoded and checked.
struct NodeUrl {
    Scheme scheme = Scheme::file;
    std::string user;
    std::string password;
    std::string host;        ///< an IPv6 address without its brackets
    std::uint16_t port = 21; ///< meaningless for file:
    /// No slash at the end, no empty, `.` or `..` component. ftp: below the login directory ("" is that
    /// directory itself), or absolute where the URL's path began with %2F (RFC 1738 §3.2.2). file: absolute.
    std::string directory;
    /// The same URL without its password.
    std::string without_password;
};

/// @param node_name  for the message
/// @throws base::Error config, with a message that quotes nothing a password could hide in
NodeUrl split_node_url(std::string_view text, std::string_view node_name);

} // namespace nodespool::node
