// Certificates, names and sessions.
#include "node/tls_context.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/socket.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <mutex>
#include <set>

namespace nodespool::node {

namespace {

// A session is given up a little before the server does.
constexpr long k_session_margin_s = 60;

void warn_unverified(const std::string& node) {
    static std::mutex mutex;
    static std::set<std::string> warned;
    const std::scoped_lock lock(mutex);
    if (warned.insert(node).second)
        base::log(base::LogLevel::warning, "certificate of node " + node + " is not verified");
}

} // namespace

std::string tls_trouble(const std::string& otherwise) {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0)
        return otherwise;
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

TlsContext::TlsContext(const NodeConfig& config, std::string host)
    : m_host(std::move(host)),
      m_verify(config.tls_verify),
      m_context(SSL_CTX_new(TLS_client_method())) {
    if (!m_context)
        throw base::Error(base::ErrorClass::io, "cannot start TLS: " + tls_trouble("no memory"));
    SSL_CTX* context = m_context.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    prefer_short_keys();
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, &TlsContext::on_new_session);
    SSL_CTX_set_app_data(context, this);
    if (m_verify == TlsVerify::no) {
        warn_unverified(config.name);
        return;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    ERR_clear_error();
    const bool has_authorities = config.ca_file.empty()
                                     ? SSL_CTX_set_default_verify_paths(context) == 1
                                     : SSL_CTX_load_verify_file(context, config.ca_file.c_str()) == 1;
    if (!has_authorities)
        throw base::Error(base::ErrorClass::config,
                          "cannot read the authorities of node " + config.name + " from " +
                              (config.ca_file.empty() ? "the system" : config.ca_file) + ": " +
                              tls_trouble("no certificate"));
}

void TlsContext::prefer_short_keys() {
    // OpenSSL names AES-256 before AES-128, which is safe as well, and whose handshake hashes with SHA-256
    // instead of SHA-384: that shows where every file has a handshake of its own. Only the order changes:
    // what the system allows is its administrator's choice.
    std::string first;
    std::string others;
    const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(m_context.get());
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
        const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
        if (SSL_CIPHER_get_kx_nid(cipher) != NID_kx_any)
            continue; // only those of TLS 1.3 leave the key exchange open
        std::string& names = SSL_CIPHER_get_cipher_nid(cipher) == NID_aes_128_gcm ? first : others;
        names += (names.empty() ? "" : ":") + std::string(SSL_CIPHER_get_name(cipher));
    }
    if (!first.empty() && !others.empty())
        SSL_CTX_set_ciphersuites(m_context.get(), (first + ':' + others).c_str());
}

TlsContext::Ssl TlsContext::side() {
    Ssl ssl(SSL_new(m_context.get()));
    if (!ssl)
        throw base::Error(base::ErrorClass::io, "cannot start TLS: " + tls_trouble("no memory"));
    SSL_set_connect_state(ssl.get());
    bool is_named = true;
    if (base::is_ip_address(m_host)) {
        is_named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), m_host.c_str()) == 1;
    } else {
        SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_named = SSL_set1_host(ssl.get(), m_host.c_str()) == 1 &&
                   SSL_set_tlsext_host_name(ssl.get(), m_host.c_str()) == 1;
    }
    if (!is_named)
        throw base::Error(base::ErrorClass::io, "cannot start TLS: " + tls_trouble("no memory"));
    return ssl;
}

TlsContext::Ssl TlsContext::control_side() {
    Ssl ssl = side();
    SSL_set_app_data(ssl.get(), this);
    return ssl;
}

TlsContext::Ssl TlsContext::data_side() {
    Ssl ssl = side();
    if (m_session) {
        // A copy each time: OpenSSL takes a TLS 1.3 session for used up once it was resumed.
        const std::unique_ptr<SSL_SESSION, SessionFree> copy(SSL_SESSION_dup(m_session.get()));
        SSL_set_session(ssl.get(), copy.get());
        if (m_group != 0 && SSL_set1_groups(ssl.get(), &m_group, 1) != 1)
            ERR_clear_error(); // then all are offered
    }
    return ssl;
}

void TlsContext::forget_session() {
    m_session.reset();
    m_group = 0;
}

int TlsContext::on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto* context = static_cast<TlsContext*>(SSL_get_app_data(ssl));
    if (context == nullptr) // a data connection
        return 0;
    context->m_session.reset(session);
    // Before TLS 1.3 the groups also tell which certificates are understood.
    const bool is_of_use = SSL_version(ssl) == TLS1_3_VERSION;
    context->m_group = is_of_use ? static_cast<int>(SSL_get_negotiated_group(ssl)) : 0;
    return 1; // it is ours now
}

bool TlsContext::has_outlived_session() const {
    return m_session && SSL_SESSION_get_time(m_session.get()) + SSL_SESSION_get_timeout(m_session.get()) -
                                k_session_margin_s <=
                            std::time(nullptr);
}

} // namespace nodespool::node
