// OpenSSL on top of base::Socket, whose calls raise no SIGPIPE, as OpenSSL's own would.
#include "node/tls_stream.hpp"

#include "base/error.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <memory>

namespace nodespool::node {

using State = base::IoResult::State;

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

TlsStream::TlsStream(TlsContext::Ssl ssl, base::Socket& socket) : m_socket(socket), m_ssl(std::move(ssl)) {
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
    stream.m_wire = stream.m_socket.send({bytes, static_cast<std::size_t>(size)});
    if (stream.m_wire.state == State::moved)
        return static_cast<int>(stream.m_wire.bytes);
    if (stream.m_wire.state == State::blocked)
        BIO_set_retry_write(bio);
    return -1;
}

int TlsStream::on_read(BIO* bio, char* into, int size) {
    auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::span<char> space(into, static_cast<std::size_t>(size));
    stream.m_wire =
        stream.m_is_patient ? stream.m_socket.receive_patiently(space) : stream.m_socket.receive(space);
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
    // An end without close_notify may be anybody's doing, and is none.
    const long verdict = SSL_get_verify_result(m_ssl.get());
    if (verdict != X509_V_OK && SSL_get_verify_mode(m_ssl.get()) != SSL_VERIFY_NONE)
        m_trouble = std::string("certificate verify failed: ") + X509_verify_cert_error_string(verdict);
    else if (m_wire.state == State::ended)
        m_trouble = SSL_is_init_finished(m_ssl.get()) == 1 ? "it was closed without the end of TLS"
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
    const int returned = SSL_shutdown(m_ssl.get());
    return returned >= 0 ? base::IoResult{State::moved, 0, 0} : result_of(returned);
}

bool TlsStream::waits_to_send() const {
    return SSL_want_write(m_ssl.get());
}

} // namespace nodespool::node
