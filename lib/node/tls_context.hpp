// What all TLS connections to one node share: whom to trust, and the session that data connections resume.
#pragma once

#include "node/config.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace nodespool::node {

/// A client's side of TLS 1.2 or later.
class TlsContext {
  public:
    /// @throws base::Error config where the authorities of config.ca_file cannot be read
    TlsContext(const NodeConfig& config, std::string host);
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    struct SslFree {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    using Ssl = std::unique_ptr<SSL, SslFree>;

    /// For the control connection, whose session is kept: with TLS 1.3 it comes after the handshake, as a
    /// ticket.
    Ssl control_side();
    /// For a data connection. It resumes the session of the control connection: servers take that as the
    /// proof that both have the same client. Its key exchange uses the group on which that one has settled: a
    /// guess of its own may cost one more round trip and one more pair of keys, for every file.
    Ssl data_side();
    /// Can no data connection resume the session any more, because it is too old?
    [[nodiscard]] bool has_outlived_session() const;
    void forget_session();

  private:
    struct ContextFree {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    struct SessionFree {
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };

    static int on_new_session(SSL* ssl, SSL_SESSION* session);
    void prefer_short_keys();
    Ssl side();

    std::string m_host;
    TlsVerify m_verify;
    std::unique_ptr<SSL_CTX, ContextFree> m_context;
    std::unique_ptr<SSL_SESSION, SessionFree> m_session;
    int m_group = 0; ///< of the key exchange that made m_session, for TLS 1.3: a NID; 0: not known
};

/// What OpenSSL has to say about the last failure in this thread, and forgets it; @p otherwise where it says
/// nothing.
std::string tls_trouble(const std::string& otherwise);

} // namespace nodespool::node
