// A node reached by FTP.
#pragma once

#include "node/ftp_connection.hpp"
#include "node/ftp_files.hpp"
#include "node/ftp_puts.hpp"
#include "node/ftp_removals.hpp"
#include "node/session.hpp"

namespace nodespool::node {

class FtpSession : public Session {
  public:
    FtpSession(const NodeConfig& config, const NodeUrl& url, Interrupt interrupt);

    void put(const std::string& name, Source& source) override;
    void get(const std::string& name, Sink& sink) override;
    Removal remove(const std::string& name) override;
    std::optional<std::uint64_t> size(const std::string& name) override;
    void run(Feed& feed) override;
    void list(const ListVisitor& visit, Times times) override;
    std::vector<std::string> features() override;

  private:
    void run_one(Request& request);

    FtpConnection m_connection;
    FtpFiles m_files;
    FtpPuts m_puts;
    FtpRemovals m_removals;
};

} // namespace nodespool::node
