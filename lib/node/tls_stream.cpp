// OpenSSL on top of base::Socket, whose calls raise no SIGPIPE, as OpenSSL's own would.
#include "node/tls_stream.hpp"

#include "base/error.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <memory>

namespace nodespool::node {

using State = base::IoResult::State;

namespace {

// Some records: what a server is woken for, and what one call to the kernel takes, is worth it.
constexpr std::size_t k_most_gathered = 256UL * 1024;

} // namespace

BIO_METHOD* TlsStream::method() {
    struct Free {
        void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
    };
    static const std::unique_ptr<BIO_METHOD, Free> socket_method = [] {
        std::unique_ptr<BIO_METHOD, Free> made(
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nodespool socket"));
        if (made) {
            BIO_meth_set_write(made.get(), &TlsStream::on_write);
            BIO_meth_set_read(made.get(), &TlsStream::on_read);
            BIO_meth_set_ctrl(made.get(), &TlsStream::on_control);
        }
        return made;
    }();
    return socket_method.get();
}

TlsStream::TlsStream(TlsContext::Ssl ssl, base::Socket& socket, Sending sending)
    : m_socket(socket),
      m_sending(sending),
      m_ssl(std::move(ssl)) {
    BIO* bio = method() != nullptr ? BIO_new(method()) : nullptr;
    if (bio == nullptr)
        throw base::Error(base::ErrorClass::io, "cannot start TLS: " + tls_trouble("no memory"));
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(m_ssl.get(), bio, bio); // which owns it now
    SSL_set_read_ahead(m_ssl.get(), 1);
}

int TlsStream::on_write(BIO* bio, const char* bytes, int size) {
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::span<const char> record(bytes, static_cast<std::size_t>(size));
    const base::IoResult result =
        stream.m_sending == Sending::gathered ? stream.gather(record) : stream.m_socket.send(record);
    if (stream.m_wire.state != State::ended) // that an alert could still be sent tells less
        stream.m_wire = result;
    if (result.state == State::moved)
        return static_cast<int>(result.bytes);
    if (result.state == State::blocked)
        BIO_set_retry_write(bio);
    return -1;
}

base::IoResult TlsStream::gather(std::span<const char> bytes) {
    if (!m_gathered.empty() && m_gathered.size() + bytes.size() > k_most_gathered) {
        const base::IoResult result = send_gathered();
        if (result.state != State::moved)
            return result;
    }
    m_gathered.insert(m_gathered.end(), bytes.begin(), bytes.end());
    return {State::moved, bytes.size(), 0};
}

base::IoResult TlsStream::send_gathered() {
    while (m_sent < m_gathered.size()) {
        const base::IoResult result = m_socket.send(std::span(m_gathered).subspan(m_sent));
        if (result.state != State::moved)
            return result;
        m_sent += result.bytes;
    }
    m_gathered.clear();
    m_sent = 0;
    return {State::moved, 0, 0};
}

int TlsStream::on_read(BIO* bio, char* into, int size) {
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    stream.m_wire = stream.receive_answer({into, static_cast<std::size_t>(size)});
    switch (stream.m_wire.state) {
    case State::moved:
        return static_cast<int>(stream.m_wire.bytes);
    case State::ended:
        return 0;
    case State::blocked:
        BIO_set_retry_read(bio);
        break;
    case State::failed:
        break;
    }
    return -1;
}

base::IoResult TlsStream::receive_answer(std::span<char> into) {
    if (gathered() > 0) { // what is awaited answers this
        const base::IoResult result = send_gathered();
        if (result.state != State::moved)
            return result;
        if (!m_is_patient)
            return {State::blocked, 0, 0}; // it cannot have come yet
    }
    return m_is_patient ? m_socket.receive_patiently(into) : m_socket.receive(into);
}

long TlsStream::on_control(BIO* bio, int command, long, void*) {
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return static_cast<TlsStream*>(BIO_get_data(bio))->m_wire.state == State::ended ? 1 : 0;
    default:
        return 0;
    }
}

base::IoResult TlsStream::result_of(int returned) {
    const int error = SSL_get_error(m_ssl.get(), returned);
    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return {State::blocked, 0, 0};
    case SSL_ERROR_ZERO_RETURN: // close_notify: the end is certain
        return {State::ended, 0, 0};
    default:
        break;
    }
    static_cast<void>(send_gathered()); // an alert, which tells the other side
    // An end without close_notify may be anybody's doing, and is none.
    const long verdict = SSL_get_verify_result(m_ssl.get());
    if (verdict != X509_V_OK && SSL_get_verify_mode(m_ssl.get()) != SSL_VERIFY_NONE)
        m_trouble = std::string("certificate verify failed: ") + X509_verify_cert_error_string(verdict);
    else if (m_wire.state == State::ended)
        m_trouble = SSL_get_state(m_ssl.get()) == TLS_ST_OK ? "it was closed without the end of TLS"
                                                            : "it was closed during the TLS handshake";
    else if (m_wire.state != State::failed)
        m_trouble = "TLS: " + tls_trouble("unknown failure");
    ERR_clear_error();
    return {State::failed, 0, m_wire.error};
}

base::IoResult TlsStream::shake_hands() {
    ERR_clear_error();
    const int returned = SSL_do_handshake(m_ssl.get());
    return returned == 1 ? base::IoResult{State::moved, 0, 0} : result_of(returned);
}

base::IoResult TlsStream::send(std::span<const char> bytes) {
    ERR_clear_error();
    std::size_t written = 0;
    const int returned = SSL_write_ex(m_ssl.get(), bytes.data(), bytes.size(), &written);
    return returned == 1 ? base::IoResult{State::moved, written, 0} : result_of(returned);
}

base::IoResult TlsStream::receive(std::span<char> into) {
    ERR_clear_error();
    std::size_t read = 0;
    const int returned = SSL_read_ex(m_ssl.get(), into.data(), into.size(), &read);
    return returned == 1 ? base::IoResult{State::moved, read, 0} : result_of(returned);
}

base::IoResult TlsStream::receive_patiently(std::span<char> into) {
    m_is_patient = true;
    const base::IoResult result = receive(into);
    m_is_patient = false;
    return result;
}

base::IoResult TlsStream::end_sending() {
    if (SSL_is_init_finished(m_ssl.get()) != 1) { // nothing was sent: an empty file
        const base::IoResult shaken = shake_hands();
        if (shaken.state != State::moved)
            return shaken;
    }
    ERR_clear_error();
    if ((SSL_get_shutdown(m_ssl.get()) & SSL_SENT_SHUTDOWN) == 0 || SSL_want_write(m_ssl.get())) {
        const int returned = SSL_shutdown(m_ssl.get());
        if (returned < 0)
            return result_of(returned);
    }
    return send_gathered();
}

bool TlsStream::waits_to_send() const {
    return SSL_want_write(m_ssl.get()) || gathered() > 0;
}

} // namespace nodespool::node
