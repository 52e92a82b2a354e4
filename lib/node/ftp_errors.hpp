// What went wrong in an FTP exchange, as a failure class: the one place that decides.
#pragma once

#include "node/ftp_control.hpp"
#include "node/session.hpp"

#include <string>

namespace nodespool::node {

/// Why an exchange failed.
struct FtpTrouble {
    Failure failure = Failure::temporary;
    int reply = 0;                  ///< code of the reply that refused, 0 where none did
    bool refused_directory = false; ///< what was refused is the CWD of a listing
    std::string text;               ///< one line for the operator; never the password
    Refusal refusal = Refusal::none;
};

/// Thrown where no connection to the node can be had.
struct FtpNoLogin {
    FtpTrouble trouble;
};

/// How far a connection had come when it was lost.
enum class FtpPhase { logging_in, logged_in };

/// The class of a lost connection.
Failure failure_of(const FtpLost& lost, FtpPhase phase);
/// The class of a reply that refuses a command: 4xx or 5xx.
Failure failure_of_reply(int reply);

/// A refusal of the server.
FtpTrouble trouble_of(const FtpReply& refusal);

/// @p text without the password, which a server may send back, and without control bytes.
std::string presentable(std::string text, const std::string& password);

} // namespace nodespool::node
