// A node server as the configuration describes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::node {

enum class Scheme {
    ftp,
    ftps, ///< FTP with implicit TLS
    sftp,
    file
};

/// How a connection to an FTP server is encrypted.
enum class Tls {
    no,
    if_offered, ///< AUTH TLS (RFC 4217), and on without it where the server refuses that
    required,   ///< AUTH TLS, or no login
    implicit    ///< ftps: from the first byte
};

/// Is a TLS server's certificate verified, its name included?
enum class TlsVerify { yes, no };

/// One `[node.NAME]` section, checked. Passwords are in here and nowhere else; nothing prints this type.
struct NodeConfig {
    std::string name;
    /// `ftp://[USER@]HOST[:PORT]/[DIR]`, `ftps:` and `sftp:` likewise, or `file:///DIR`; without a password:
    /// lib/node takes it out (see parse_node_url()).
    std::string url;
    std::string user;
    std::string password;
    std::string local_directory; ///< of a `file:` URL, decoded; else empty
    unsigned connections = 4;
    unsigned weight = 1;
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds stall_timeout{60};

    // FTP:
    Tls tls = Tls::no;
    TlsVerify tls_verify = TlsVerify::yes;
    std::string ca_file; ///< PEM; empty: the system's authorities

    // SFTP, as options of ssh(1); empty: what ssh's own configuration says
    std::string identity_file;
    std::string known_hosts_file;
    std::string ssh_config_file;
};

/// What of a URL decides which other settings fit it.
struct NodeAddress {
    Scheme scheme;
    std::string host; ///< empty for file:
};

/// Splits @p url_text into config.url, config.user, config.password and config.local_directory
/// (percent-decoded).
/// @throws base::Error config: an unknown scheme, a missing host, a `file:` URL that is not absolute; the
/// message never holds the password
NodeAddress parse_node_url(std::string_view url_text, NodeConfig& config);

} // namespace nodespool::node
