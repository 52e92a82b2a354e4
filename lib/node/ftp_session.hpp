// A node reached by FTP.
#pragma once

#include "node/ftp_connection.hpp"
#include "node/session.hpp"

namespace nodespool::node {

class FtpSession : public Session {
  public:
    FtpSession(const NodeConfig& config, NodeUrl url, Interrupt interrupt);

    void put(const std::string& name, Source& source) override;
    void get(const std::string& name, Sink& sink) override;
    Removal remove(const std::string& name) override;
    std::optional<std::uint64_t> size(const std::string& name) override;
    void list(const ListVisitor& visit, Times times) override;
    std::vector<std::string> features() override;

  private:
    struct Action;
    struct Found {
        std::optional<std::uint64_t> size_bytes; ///< nullopt: it is there, the server does not say how big
    };

    /// Below the login directory, or absolute.
    [[nodiscard]] std::string path_of(const std::string& name) const;
    FtpReply store(const std::string& name, SizedSource& source, const Action& action);
    std::string make_parents(const std::string& name, const Action& action);
    void verify(const std::string& name, std::uint64_t sent_bytes, const FtpReply& size_reply,
                const Action& action);
    /// Looks for @p name in listings, from its directory upwards. nullopt: it is absent for certain.
    std::optional<Found> look(const std::string& name, const Action& action);
    void require_root(const Action& action);

    std::string m_node;
    std::string m_root;
    FtpConnection m_connection;
};

} // namespace nodespool::node
