// From a host name to an FTP connection that is logged in.
#pragma once

#include "node/config.hpp"
#include "node/ftp_control.hpp"
#include "node/ftp_errors.hpp"
#include "node/patience.hpp"
#include "node/tls_context.hpp"
#include "node/url.hpp"

#include <memory>
#include <string>

namespace nodespool::node {

/// Who logs in where, checked.
struct FtpAccount {
    /// What the configuration says, else the URL, else "anonymous".
    /// @throws base::Error config where user or password holds a control character
    FtpAccount(const NodeConfig& config, const NodeUrl& url);

    std::string host;
    std::uint16_t port;
    std::string user;
    std::string password;
};

/// One attempt, which may take config.connect_timeout altogether.
class FtpLogin {
  public:
    FtpLogin(const NodeConfig& config, const FtpAccount& account, TlsContext* tls, const Patience& patience);

    /// Ready for commands, with binary transfers. @throws FtpNoLogin, FtpLost, Interrupted
    std::unique_ptr<FtpControl> run();
    /// After run(): are data connections encrypted?
    [[nodiscard]] bool protects_data() const { return m_protects_data; }

  private:
    std::vector<base::NetAddress> look_up();
    void connect(const std::vector<base::NetAddress>& addresses);
    std::string try_address(const base::NetAddress& address, base::MonotonicTime limit);
    void greet();
    void start_tls();
    void ask_for_tls();
    void shake_hands();
    void authenticate();
    void protect_data();
    FtpReply ask(const std::string& command);
    [[noreturn]] static void refuse(Failure failure, const FtpReply& reply, const std::string& what = {});

    const NodeConfig& m_config;
    const FtpAccount& m_account;
    TlsContext* m_tls;
    const Patience& m_patience;
    base::MonotonicTime m_limit;
    std::unique_ptr<FtpControl> m_control;
    bool m_protects_data = false;
};

} // namespace nodespool::node
