// TLS over loopback: what data connections take over from the control connection, and when bytes leave.
#include "node/tls_stream.hpp"
#include "support/temp_dir.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

using namespace nodespool;
using namespace nodespool::node;
using State = base::IoResult::State;
using Sending = TlsStream::Sending;

namespace {

template <auto Free>
struct FreeBy {
    template <class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, FreeBy<Free>>;

/// A server for one connection after another, which takes no other group for the key exchange than one at
/// which clients do not guess.
class Server {
  public:
    Server() : m_context(SSL_CTX_new(TLS_server_method())), m_fd(::socket(AF_INET, SOCK_STREAM, 0)) {
        certify();
        REQUIRE(SSL_CTX_set1_groups_list(m_context.get(), "P-384") == 1);
        SSL_CTX_set_msg_callback(m_context.get(), &Server::note_message);
        SSL_CTX_set_msg_callback_arg(m_context.get(), this);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(m_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(m_fd.get(), 4) == 0);
        m_address.size = sizeof address;
        REQUIRE(::getsockname(m_fd.get(), reinterpret_cast<sockaddr*>(&m_address.storage), &m_address.size) ==
                0);
    }

    [[nodiscard]] const base::NetAddress& address() const { return m_address; }
    [[nodiscard]] NodeConfig config() const {
        NodeConfig config;
        config.name = "n1";
        config.ca_file = m_directory / "ca.pem";
        return config;
    }
    void accept() {
        m_ssl.reset();
        m_peer = base::Fd(::accept4(m_fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
        m_ssl.reset(SSL_new(m_context.get()));
        REQUIRE(SSL_set_fd(m_ssl.get(), m_peer.get()) == 1);
        m_hellos = 0;
    }
    SSL* ssl() { return m_ssl.get(); }
    void hang_up() { m_peer.reset(); }
    /// How many bytes wait to be read.
    [[nodiscard]] std::size_t waiting() const {
        std::array<char, 65536> bytes{};
        const ssize_t count = ::recv(m_peer.get(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
        return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    /// Of the client on this connection: two where it guessed wrong.
    [[nodiscard]] int hellos() const { return m_hellos; }

  private:
    void certify() {
        const Owned<EVP_PKEY, &EVP_PKEY_free> key(EVP_EC_gen("P-256"));
        const Owned<X509, &X509_free> certificate(X509_new());
        X509* made = certificate.get();
        X509_set_version(made, X509_VERSION_3);
        X509_gmtime_adj(X509_getm_notBefore(made), -3600);
        X509_gmtime_adj(X509_getm_notAfter(made), 3600);
        X509_set_pubkey(made, key.get());
        const Owned<X509_EXTENSION, &X509_EXTENSION_free> name(
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1"));
        REQUIRE(X509_add_ext(made, name.get(), -1) == 1);
        REQUIRE(X509_sign(made, key.get(), EVP_sha256()) > 0);
        REQUIRE(SSL_CTX_use_certificate(m_context.get(), made) == 1);
        REQUIRE(SSL_CTX_use_PrivateKey(m_context.get(), key.get()) == 1);
        const Owned<std::FILE, &std::fclose> file(std::fopen((m_directory / "ca.pem").c_str(), "w"));
        REQUIRE(PEM_write_X509(file.get(), made) == 1);
    }
    static void note_message(int is_sent, int, int type, const void* bytes, std::size_t, SSL*, void* server) {
        if (is_sent == 0 && type == SSL3_RT_HANDSHAKE &&
            *static_cast<const unsigned char*>(bytes) == SSL3_MT_CLIENT_HELLO)
            ++static_cast<Server*>(server)->m_hellos;
    }

    test::TempDir m_directory;
    Owned<SSL_CTX, &SSL_CTX_free> m_context;
    base::Fd m_fd;
    base::NetAddress m_address;
    base::Fd m_peer;
    Owned<SSL, &SSL_free> m_ssl;
    int m_hellos = 0;
};

/// Both sides of one connection.
struct Connection {
    Connection(Server& with, TlsContext::Ssl ssl, Sending sending)
        : server(with),
          socket(with.address()),
          client(std::move(ssl), socket, sending) {
        server.accept();
    }
    void shake_hands() {
        base::IoResult result;
        while (result.state == State::blocked) {
            result = client.shake_hands();
            SSL_accept(server.ssl());
        }
        REQUIRE(result.state == State::moved);
    }
    std::string received_by_server() {
        std::string all;
        std::array<char, 65536> bytes{};
        for (int got = 1; got > 0;) {
            got = SSL_read(server.ssl(), bytes.data(), bytes.size());
            all.append(bytes.data(), static_cast<std::size_t>(std::max(got, 0)));
            if (got <= 0 && SSL_get_error(server.ssl(), got) == SSL_ERROR_ZERO_RETURN)
                has_ended = true;
        }
        return all;
    }

    Server& server;
    base::Socket socket;
    TlsStream client;
    bool has_ended = false; ///< the server knows that nothing more comes
};

/// The control connection of @p context, which stays, after the server's ticket has come.
std::unique_ptr<Connection> log_in(Server& server, TlsContext& context) {
    auto control = std::make_unique<Connection>(server, context.control_side(), Sending::at_once);
    control->shake_hands();
    REQUIRE(SSL_write(server.ssl(), "220\r\n", 5) == 5);
    std::array<char, 16> reply{};
    base::IoResult result;
    while (result.state == State::blocked)
        result = control->client.receive(reply);
    REQUIRE(result.bytes == 5);
    CHECK(server.hellos() == 2);
    return control;
}

} // namespace

TEST_CASE("a data connection resumes the session, and asks for the group that the server wants at once") {
    Server server;
    TlsContext context(server.config(), "127.0.0.1");
    const auto control = log_in(server, context);
    for (int file = 0; file < 2; ++file) {
        Connection data(server, context.data_side(), Sending::gathered);
        data.shake_hands();
        SSL_accept(server.ssl());
        CHECK(SSL_session_reused(server.ssl()) == 1);
        CHECK(server.hellos() == 1);
    }
    context.forget_session();
    Connection data(server, context.data_side(), Sending::gathered);
    data.shake_hands();
    CHECK(server.hellos() == 2);
}

TEST_CASE("the end of the handshake, a small file and the end of TLS leave together") {
    Server server;
    TlsContext context(server.config(), "127.0.0.1");
    const auto control = log_in(server, context);
    Connection data(server, context.data_side(), Sending::gathered);
    const std::string file(4096, 'x');
    base::IoResult result;
    while (result.state == State::blocked) {
        result = data.client.send(file);
        if (result.state == State::blocked)
            SSL_accept(server.ssl());
    }
    REQUIRE(result.bytes == file.size());
    CHECK(server.waiting() == 0);
    REQUIRE(data.client.end_sending().state == State::moved);
    CHECK(server.waiting() > file.size());
    CHECK(data.received_by_server() == file);
    CHECK(data.has_ended);
}

TEST_CASE("an empty file has a handshake and an end") {
    Server server;
    TlsContext context(server.config(), "127.0.0.1");
    const auto control = log_in(server, context);
    Connection data(server, context.data_side(), Sending::gathered);
    while (data.client.end_sending().state == State::blocked)
        SSL_accept(server.ssl());
    CHECK(data.received_by_server() == "");
    CHECK(data.has_ended);
}

TEST_CASE("a large file reaches a server that reads slowly, whole and with its end last") {
    Server server;
    TlsContext context(server.config(), "127.0.0.1");
    const auto control = log_in(server, context);
    Connection data(server, context.data_side(), Sending::gathered);
    data.shake_hands();
    std::string file(32UL << 20U, '\0');
    for (std::size_t i = 0; i < file.size(); ++i)
        file[i] = static_cast<char>(i * 31 + i / 4096);
    std::string received;
    bool was_blocked = false;
    for (std::size_t sent = 0; sent < file.size();) {
        const base::IoResult result = data.client.send(std::span(file).subspan(sent));
        REQUIRE((result.state == State::moved || result.state == State::blocked));
        sent += result.bytes;
        if (result.state == State::moved)
            continue;
        was_blocked = true;
        CHECK(data.client.waits_to_send());
        received += data.received_by_server();
    }
    CHECK(was_blocked);
    base::IoResult end;
    while (end.state == State::blocked) {
        end = data.client.end_sending();
        CHECK_FALSE(data.has_ended);
        received += data.received_by_server();
    }
    REQUIRE(end.state == State::moved);
    while (!data.has_ended)
        received += data.received_by_server();
    CHECK(received == file);
}

TEST_CASE("data that stops without the end of TLS is not whole") {
    Server server;
    TlsContext context(server.config(), "127.0.0.1");
    const auto control = log_in(server, context);
    Connection data(server, context.data_side(), Sending::gathered);
    data.shake_hands();
    std::array<char, 64> bytes{};
    while (SSL_is_init_finished(server.ssl()) != 1) {
        static_cast<void>(data.client.receive(bytes)); // the end of the handshake leaves
        SSL_accept(server.ssl());
    }
    REQUIRE(SSL_write(server.ssl(), "half", 4) == 4);
    server.hang_up();
    base::IoResult result;
    while (result.state == State::blocked)
        result = data.client.receive(bytes);
    CHECK(result.bytes == 4);
    CHECK(data.client.receive(bytes).state == State::failed);
    CHECK(data.client.trouble() == "it was closed without the end of TLS");
}
