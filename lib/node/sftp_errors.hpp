// What an SFTP server's refusal means: the one place that decides.
#pragma once

#include "node/sftp_connection.hpp"

#include <functional>
#include <string>

namespace nodespool::node {

/// The class of a status other than `ok`.
Failure failure_of_status(SftpStatus status);

/// A refused request, with the server's words.
SftpTrouble trouble_of(const SftpReply::Status& status, const SftpConnection& connection);

/// `failure` is what a full disk and much else looks like in SFTP version 3: asks the server for the space in
/// @p directory, where it can tell (statvfs@openssh.com), and calls @p then with @p trouble as it is, or made
/// `node_full` or `node_unwritable` (read-only by now).
/// @param wanted_bytes  how much was to be written when it failed
/// @return false: the server cannot tell; nothing was asked, and @p then is not called
bool ask_for_space(SftpConnection& connection, std::string_view directory, std::uint64_t wanted_bytes,
                   SftpTrouble trouble, std::function<void(SftpTrouble)> then);

/// A path on the server. @param root  as in the node's URL; "" is where the login ends
std::string sftp_path(const std::string& root, std::string_view name);

} // namespace nodespool::node
