// The table from lost connections and FTP replies (RFC 959 §4.2) to failure classes.
#include "node/ftp_errors.hpp"

#include "base/path_name.hpp"

namespace nodespool::node {

Failure failure_of_reply(int reply) {
    switch (reply) {
    case 452: // insufficient storage
    case 552: // exceeded storage allocation
        return Failure::node_full;
    default:
        return reply >= 500 && reply < 600 ? Failure::permanent : Failure::temporary;
    }
}

Failure failure_of(const FtpLost& lost, FtpPhase phase) {
    if (phase == FtpPhase::logged_in || lost.reply == 421) // too many connections, or idle for too long
        return Failure::temporary;
    switch (lost.why) {
    case FtpLost::Why::stalled:
        return Failure::temporary;
    case FtpLost::Why::closed:
    case FtpLost::Why::late:
    case FtpLost::Why::no_data:
    case FtpLost::Why::garbled:
        break;
    }
    return Failure::node_down;
}

FtpTrouble trouble_of(const FtpReply& refusal) {
    return {failure_of_reply(refusal.code), refusal.code, false, refusal.text, Refusal::none};
}

std::string presentable(std::string text, const std::string& password) {
    if (!password.empty())
        for (std::size_t at = text.find(password); at != std::string::npos; at = text.find(password, at + 3))
            text.replace(at, password.size(), "***");
    return base::printable(text);
}

} // namespace nodespool::node
