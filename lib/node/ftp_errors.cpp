// The table from libcurl's codes and FTP replies (RFC 959 §4.2) to failure classes.
#include "node/ftp_errors.hpp"

namespace nodespool::node {

namespace {

/// Codes that say the connection itself gave up: the last reply then answered something earlier.
bool ignores_reply(CURLcode code) {
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_COULDNT_CONNECT: // of the data connection, once logged in
    case CURLE_OUT_OF_MEMORY:
        return true;
    default:
        return false;
    }
}

} // namespace

Failure failure_of_reply(int reply) {
    switch (reply) {
    case 452: // insufficient storage
    case 552: // exceeded storage allocation
        return Failure::node_full;
    default:
        return reply >= 500 && reply < 600 ? Failure::permanent : Failure::temporary;
    }
}

Failure failure_of_exchange(CURLcode code, int last_reply, FtpPhase phase) {
    if (last_reply == 421) // "service not available, closing": too many connections, or idle for too long
        return Failure::temporary;
    if (code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT)
        return Failure::temporary;
    switch (phase) {
    case FtpPhase::connect_timeout:
        return Failure::node_down;
    case FtpPhase::connecting:
        return code == CURLE_OPERATION_TIMEDOUT ? Failure::temporary : Failure::node_down;
    case FtpPhase::logged_in:
        break;
    }
    if (code == CURLE_REMOTE_DISK_FULL)
        return Failure::node_full;
    if (last_reply >= 400 && !ignores_reply(code))
        return failure_of_reply(last_reply);
    return Failure::temporary;
}

bool is_broken_connection(CURLcode code, int last_reply) {
    return last_reply == 421 || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING;
}

bool is_refusal_in_step(CURLcode code) {
    switch (code) {
    case CURLE_UPLOAD_FAILED:         // STOR
    case CURLE_REMOTE_FILE_NOT_FOUND: // RETR
    case CURLE_FTP_COULDNT_RETR_FILE:
    case CURLE_REMOTE_ACCESS_DENIED: // CWD
        return true;
    default:
        return false;
    }
}

} // namespace nodespool::node
