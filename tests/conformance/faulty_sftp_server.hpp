// An SFTP server that misbehaves as it is told, for failures that real servers do not show on demand.
#pragma once

#include "node/config.hpp"
#include "node/sftp_packets.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nodespool::node::test {

/// What the server does with one request.
struct SftpReaction {
    enum class Kind {
        usual,
        silence, ///< it reads on and answers nothing any more
        hang_up,
        status, ///< refuses with this code, or claims success
        raw     ///< sends these bytes as they are
    };
    Kind kind = Kind::usual;
    SftpStatus status = SftpStatus::ok;
    std::string bytes{};
};

/// Where nothing is said of a request, the server is a good one that keeps its files in memory.
struct SftpScript {
    /// By type, one for each time it comes; the last one stays.
    std::map<SftpType, std::vector<SftpReaction>> reactions{};
    std::map<std::string, std::string> extensions{};
    std::set<std::string> directories{"."};
    std::map<std::string, std::string> files{};
    /// Most bytes that a READ gives.
    std::size_t most_read = 1 << 20;
    /// Answers those requests that came together in the reverse order.
    bool reverses = false;
    /// So many LSTATs report a file of no bytes.
    unsigned wrong_sizes = 0;
    /// What READDIR sends, each a file.
    std::vector<std::string> listed{};
    /// Flags of the attributes that READDIR sends; 0 says nothing.
    std::uint32_t listed_permissions = 0100644;
    /// As in the reply to statvfs@openssh.com.
    std::uint64_t block_bytes = 4096;
    std::uint64_t available_blocks = 1000;
    std::uint64_t file_system_flags = 0;
};

/// Listens on loopback until it is destroyed. Meanwhile an `ssh` that leads to it, whatever its arguments, is
/// first in PATH.
class FaultySftpServer {
  public:
    explicit FaultySftpServer(SftpScript script);
    FaultySftpServer(const FaultySftpServer&) = delete;
    FaultySftpServer& operator=(const FaultySftpServer&) = delete;
    ~FaultySftpServer();

    /// For a session with it, time-outs of one second for a stall and five for connecting.
    [[nodiscard]] NodeConfig config() const;
    struct Seen {
        std::vector<SftpType> requests;
        std::map<std::string, std::string> files;
        std::set<std::string> directories;
        unsigned connections = 0;
        [[nodiscard]] std::size_t count(SftpType type) const;
    };
    /// Ends it and tells what it saw and holds.
    Seen stop();

  private:
    struct State;
    std::unique_ptr<State> m_state;
    std::thread m_thread;
};

} // namespace nodespool::node::test
