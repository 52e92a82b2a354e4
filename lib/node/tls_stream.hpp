// TLS over one socket.
#pragma once

#include "base/socket.hpp"
#include "node/tls_context.hpp"

#include <span>
#include <string>
#include <vector>

namespace nodespool::node {

/// The handshake happens with the first bytes that are sent, received or shut down. A call that is blocked is
/// made again, with the same bytes, once the socket is ready.
class TlsStream {
  public:
    /// When does the network get what is sent?
    enum class Sending {
        at_once, ///< by each send()
        gathered ///< when much has come together, before something is received, and by end_sending(). So the
                 ///< end of the handshake, a small file and the end of TLS leave in one packet.
    };
    /// @param socket  outlives this object
    TlsStream(TlsContext::Ssl ssl, base::Socket& socket, Sending sending);
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    base::IoResult shake_hands();
    base::IoResult send(std::span<const char> bytes);
    base::IoResult receive(std::span<char> into);
    base::IoResult receive_patiently(std::span<char> into);
    /// Says that nothing more will be sent.
    base::IoResult end_sending();

    /// Does the call that was blocked wait to send, not to receive?
    [[nodiscard]] bool waits_to_send() const;
    /// Are bytes there for receive()? More may be, as long as that was not blocked.
    [[nodiscard]] bool has_received() const { return SSL_pending(m_ssl.get()) > 0; }
    /// Why it failed: "certificate verify failed: self-signed certificate"; empty where TLS is not to blame.
    [[nodiscard]] const std::string& trouble() const { return m_trouble; }

  private:
    static int on_write(BIO* bio, const char* bytes, int size);
    static int on_read(BIO* bio, char* into, int size);
    static long on_control(BIO* bio, int command, long number, void* pointer);
    static BIO_METHOD* method();

    base::IoResult result_of(int returned);
    base::IoResult gather(std::span<const char> bytes);
    base::IoResult send_gathered();
    base::IoResult receive_answer(std::span<char> into);
    [[nodiscard]] std::size_t gathered() const { return m_gathered.size() - m_sent; }

    base::Socket& m_socket;
    Sending m_sending;
    bool m_is_patient = false;
    base::IoResult m_wire; ///< what the socket said last
    std::vector<char> m_gathered;
    std::size_t m_sent = 0; ///< of m_gathered
    std::string m_trouble;
    TlsContext::Ssl m_ssl;
};

} // namespace nodespool::node
