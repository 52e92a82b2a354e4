// Bytes over one connection, encrypted or not.
#pragma once

#include "base/socket.hpp"
#include "node/tls_stream.hpp"

#include <memory>
#include <span>
#include <string>

namespace nodespool::node {

class Stream {
  public:
    /// Begins to connect.
    explicit Stream(const base::NetAddress& to) : m_socket(to) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// From here on with TLS. The handshake comes with the first bytes, or with shake_hands().
    void secure(TlsContext::Ssl ssl, TlsStream::Sending sending) {
        m_tls = std::make_unique<TlsStream>(std::move(ssl), m_socket, sending);
    }
    [[nodiscard]] bool is_secure() const { return m_tls != nullptr; }
    base::IoResult shake_hands() { return m_tls->shake_hands(); }

    base::Socket& socket() { return m_socket; }
    base::IoResult send(std::span<const char> bytes) {
        return m_tls ? m_tls->send(bytes) : m_socket.send(bytes);
    }
    base::IoResult receive(std::span<char> into) {
        return m_tls ? m_tls->receive(into) : m_socket.receive(into);
    }
    /// Waits for bytes, at most base::Socket::k_patience. Only after socket().carry_messages().
    base::IoResult receive_patiently(std::span<char> into) {
        return m_tls ? m_tls->receive_patiently(into) : m_socket.receive_patiently(into);
    }
    /// The other side is to see that nothing more comes.
    base::IoResult end_sending();

    /// What to wait for after send() or end_sending() was blocked, and after receive() was.
    [[nodiscard]] base::Awaited awaited_to_send() const;
    [[nodiscard]] base::Awaited awaited_to_receive() const;
    /// Are bytes there for receive(), although the socket is silent? More may be, as long as that was not
    /// blocked.
    [[nodiscard]] bool has_received() const { return m_tls && m_tls->has_received(); }

    /// Why @p failed failed: "Connection reset by peer".
    [[nodiscard]] std::string trouble(const base::IoResult& failed) const;

  private:
    base::Socket m_socket;
    std::unique_ptr<TlsStream> m_tls;
};

} // namespace nodespool::node
