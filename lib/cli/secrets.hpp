// Passwords that stand outside the configuration: in a file, in a netrc file, or printed by a command.
#pragma once

#include <chrono>
#include <string>

namespace nodespool::cli {

// All of them throw base::Error of class config, with a message that says what is wrong with which file, and
// never quotes what may be a secret: a line of the file, the command, or what it printed.

/// The first line of a file that only its owner can read.
std::string password_from_file(const std::string& path);

struct Login {
    std::string user; ///< empty: the entry names none
    std::string password;
};

/// The entry of a netrc file, which only its owner can read, for @p host and, where not empty, @p user.
Login login_from_netrc(const std::string& path, const std::string& host, const std::string& user);

/// The first line that @p command, run by /bin/sh, prints. What it writes to its standard error goes to ours.
/// @param what  its name for the message, as in "the password command of node n1"
std::string password_from_command(const std::string& command, const std::string& what,
                                  std::chrono::milliseconds patience = std::chrono::seconds(30));

} // namespace nodespool::cli
