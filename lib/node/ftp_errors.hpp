// What went wrong in an FTP exchange, as a failure class: the one place that decides.
#pragma once

#include "node/session.hpp"

#include <curl/curl.h>

namespace nodespool::node {

/// How far the exchange had come when it failed.
enum class FtpPhase {
    connecting,      ///< not logged in yet
    connect_timeout, ///< not logged in within the time that connecting may take
    logged_in
};

/// @param code        libcurl's verdict; anything but CURLE_OK
/// @param last_reply  code of the server's last reply in this exchange, 0 where it said nothing
Failure failure_of_exchange(CURLcode code, int last_reply, FtpPhase phase);

/// The class of a reply that refuses a command: 4xx or 5xx.
Failure failure_of_reply(int reply);

/// Was the connection lost, rather than something refused on it?
bool is_broken_connection(CURLcode code, int last_reply);

/// Did the server refuse one command and stay in step, so that the connection can serve the next?
bool is_refusal_in_step(CURLcode code);

} // namespace nodespool::node
