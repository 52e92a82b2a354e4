// OpenSSH's client as the way to an SFTP server: its arguments, and what it complains of.
#pragma once

#include "node/config.hpp"
#include "node/session.hpp"
#include "node/url.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// `ssh ... -s -- HOST sftp`. What a node's section says goes before what the user's own ssh configuration
/// says; the rest of that (keys, agent, jump hosts, host names) holds. Never forwards anything, shares no
/// connection, asks nobody; a host key must be known. Ciphers are never named here, though AES-GCM costs less
/// than half of ssh's default where the processor has instructions for it: they may be an administrator's
/// policy, and one of `Match final` would lose even against a file (-F) that includes ssh's own ones first.
std::vector<std::string> ssh_arguments(const NodeConfig& config, const NodeUrl& url);

/// Variables for its environment. @param askpass  path of the program that prints the password; empty: none
std::vector<std::string> ssh_variables(const std::string& askpass);

/// One line, cut where it is long, of what ssh wrote to its standard error.
std::string line_of_complaint(std::string_view complaint);

/// What a login that failed means, by ssh's complaint.
struct LoginFailure {
    Failure failure = Failure::node_down;
    Refusal refusal = Refusal::none;
};
LoginFailure failure_of_login(std::string_view complaint);

} // namespace nodespool::node
