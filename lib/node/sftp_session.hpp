// A node reached by SFTP, over OpenSSH's client.
#pragma once

#include "node/config.hpp"
#include "node/session.hpp"
#include "node/sftp_connection.hpp"
#include "node/sftp_directories.hpp"
#include "node/url.hpp"

namespace nodespool::node {

/// `ssh HOST -s sftp` carries the bytes, so that the user's ssh configuration, agent, known hosts and jump
/// hosts serve here as they do everywhere. Many requests are under way at once, in run() those of many files.
class SftpSession : public Session {
  public:
    SftpSession(const NodeConfig& config, NodeUrl url, Interrupt interrupt);

    void put(const std::string& name, Source& source) override;
    void get(const std::string& name, Sink& sink) override;
    Removal remove(const std::string& name) override;
    std::optional<std::uint64_t> size(const std::string& name) override;
    void run(Feed& feed) override;
    void list(const ListVisitor& visit, Times times) override;
    std::vector<std::string> features() override;

  private:
    /// Runs @p call on an open connection; a trouble becomes a NodeError that begins with @p doing.
    template <typename Call>
    void on_node(const std::string& doing, Call&& call);

    std::string m_node;
    std::string m_root;
    SftpConnection m_connection;
    SftpDirectories m_directories;
};

} // namespace nodespool::node
