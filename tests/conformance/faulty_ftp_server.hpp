// An FTP server that misbehaves as it is told, for failures that real servers do not show on demand.
#pragma once

#include "node/config.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace nodespool::node::test {

/// What to answer. Where nothing is said of a command, the server is a good one that keeps no files.
struct FtpScript {
    /// Replies by verb ("STOR"; "GREETING" for the first line), one for each time it comes; the last one
    /// stays. Words with a meaning of their own: k_usual, k_silence, k_deafness, k_hang_up. A text without
    /// "\r\n" at its end is sent as it is.
    std::map<std::string, std::vector<std::string>> replies{};
    /// An upload is cut off after so many bytes, and the reply to it is replies["CUT"].
    std::uint64_t cut_after_bytes = UINT64_MAX;
    /// What LIST sends over the data connection.
    std::string listing{};
    /// What MLSD and NLST send; nullopt: the server does not have the command.
    std::optional<std::string> facts{};
    std::optional<std::string> names{};
    /// What RETR sends, and SIZE tells the size of; nullopt: it does not have RETR.
    std::optional<std::string> file{};
    /// Replies to whole commands ("SIZE a b", "CWD dir"), before any to their verbs.
    std::map<std::string, std::string> exact_replies{};
    /// A listing ends by resetting the data connection instead of closing it.
    bool resets_lists = false;
    /// EPSV and PASV name a port where nobody listens.
    bool dead_data_port = false;
    /// What becomes of a connection to the port that EPSV names, as behind a firewall that knows PASV only.
    enum class EpsvPort {
        open,
        closed,  ///< refused at once
        filtered ///< nobody answers
    };
    EpsvPort epsv_port = EpsvPort::open;
    /// What it makes of commands that come while an upload is under way.
    enum class Haste {
        patient, ///< they wait until it is done
        abort,   ///< any byte ends the upload, which is thrown away
        answer   ///< they are answered at once, and so out of order
    };
    Haste haste = Haste::patient;
    /// What it makes of commands that came in one packet with another.
    enum class Together {
        taken,
        dropped, ///< only the first is seen
        hung_up  ///< and then it closes the connection
    };
    Together together = Together::taken;
    /// Said before it hangs up after each acknowledged upload's SIZE, as servers do whose patience with idle
    /// clients is short; nullopt: it does not hang up.
    std::optional<std::string> parting_words{};
};

extern const std::string k_usual;
extern const std::string k_silence;  ///< to this command
extern const std::string k_deafness; ///< to this one and all that follow
extern const std::string k_hang_up;

/// Listens on loopback until it is destroyed; serves one client after another.
class FaultyFtpServer {
  public:
    explicit FaultyFtpServer(FtpScript script);
    FaultyFtpServer(const FaultyFtpServer&) = delete;
    FaultyFtpServer& operator=(const FaultyFtpServer&) = delete;
    ~FaultyFtpServer();

    /// For a session with it: password "sesame-sesame", time-outs of one second for a stall and five for
    /// connecting.
    [[nodiscard]] NodeConfig config() const;
    /// Ends it; the commands that it received, one a line, in order.
    std::vector<std::string> stop();

  private:
    struct State;
    std::unique_ptr<State> m_state;
    std::thread m_thread;
};

/// A port of 127.0.0.1 where nobody listens.
std::uint16_t unused_port();

} // namespace nodespool::node::test
