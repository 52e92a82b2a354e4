// Connections on loopback: what moves, what has to wait, and how an end looks.
#include "base/socket.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

using namespace nodespool::base;
using State = IoResult::State;

namespace {

/// A port of 127.0.0.1 with somebody behind it.
class Listener {
  public:
    Listener() : m_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(m_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(m_fd.get(), 4) == 0);
        socklen_t size = sizeof address;
        REQUIRE(::getsockname(m_fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        m_port = ntohs(address.sin_port);
    }
    [[nodiscard]] NetAddress address() const {
        HostLookup lookup("127.0.0.1", m_port);
        REQUIRE(lookup.wait_for(std::chrono::milliseconds(0)));
        REQUIRE(lookup.addresses().size() == 1);
        return lookup.addresses().front();
    }
    [[nodiscard]] Fd accept() const { return Fd(::accept(m_fd.get(), nullptr, nullptr)); }
    void close() { m_fd.reset(); }

  private:
    Fd m_fd;
    std::uint16_t m_port = 0;
};

bool becomes_ready(const Socket& socket, bool to_receive) {
    Awaited awaited{socket.fd(), to_receive, !to_receive, false};
    return wait_for_any({&awaited, 1}, std::chrono::seconds(10)) && awaited.is_ready;
}

} // namespace

TEST_CASE("an address in digits needs no look-up") {
    CHECK(is_ip_address("192.0.2.1"));
    CHECK(is_ip_address("2001:db8::1"));
    CHECK_FALSE(is_ip_address("example.org"));
    CHECK_FALSE(is_ip_address("192.0.2"));
    HostLookup lookup("::1", 2121);
    REQUIRE(lookup.wait_for(std::chrono::milliseconds(0)));
    CHECK(lookup.addresses().at(0).storage.ss_family == AF_INET6);
}

TEST_CASE("a name that does not exist has no address and a reason") {
    HostLookup lookup("no-such-host.invalid", 21);
    REQUIRE(lookup.wait_for(std::chrono::seconds(60)));
    CHECK(lookup.addresses().empty());
    CHECK_FALSE(lookup.trouble().empty());
}

TEST_CASE("a look-up may be forgotten before it has ended") {
    { const HostLookup lookup("no-such-host.invalid", 21); }
    CHECK(true);
}

TEST_CASE("bytes move both ways, and an end is seen as one") {
    const Listener listener;
    Socket socket(listener.address());
    CHECK(socket.error() == 0);
    REQUIRE(becomes_ready(socket, false));
    const Fd other = listener.accept();
    const std::string text = "hello";
    const IoResult sent = socket.send(text);
    CHECK(sent.state == State::moved);
    CHECK(sent.bytes == 5);
    std::array<char, 16> bytes{};
    CHECK(socket.receive(bytes).state == State::blocked);
    CHECK(::recv(other.get(), bytes.data(), bytes.size(), 0) == 5);
    REQUIRE(::send(other.get(), "you", 3, 0) == 3);
    REQUIRE(becomes_ready(socket, true));
    CHECK(socket.receive(bytes).bytes == 3);
    socket.end_sending();
    CHECK(::recv(other.get(), bytes.data(), bytes.size(), 0) == 0);
    REQUIRE(::shutdown(other.get(), SHUT_WR) == 0);
    REQUIRE(becomes_ready(socket, true));
    CHECK(socket.receive(bytes).state == State::ended);
}

TEST_CASE("what does not fit waits, and a wait that nothing ends is over in time") {
    const Listener listener;
    Socket socket(listener.address());
    REQUIRE(becomes_ready(socket, false));
    const Fd other = listener.accept();
    const std::string much(1 << 20, 'x');
    IoResult result;
    do
        result = socket.send(much);
    while (result.state == State::moved);
    CHECK(result.state == State::blocked);
    Awaited awaited{socket.fd(), true, true, false};
    CHECK_FALSE(wait_for_any({&awaited, 1}, std::chrono::milliseconds(1)));
    CHECK_FALSE(awaited.is_ready);
}

TEST_CASE("a connection that is refused or reset has failed, without a signal") {
    Listener listener;
    const NetAddress address = listener.address();
    Socket socket(address);
    REQUIRE(becomes_ready(socket, false));
    {
        const Fd other = listener.accept();
        const linger at_once{1, 0};
        REQUIRE(::setsockopt(other.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    }
    REQUIRE(becomes_ready(socket, true));
    const std::string text = "hello";
    CHECK(socket.send(text).error == ECONNRESET);
    CHECK(socket.send(text).error == EPIPE);
    listener.close();
    Socket refused(address);
    REQUIRE(becomes_ready(refused, false));
    CHECK(refused.send(text).error == ECONNREFUSED);
    CHECK(text_of_errno(ECONNREFUSED) == "Connection refused");
}

TEST_CASE("a patient receiver gets bytes, and gives up after its patience") {
    const Listener listener;
    Socket socket(listener.address());
    REQUIRE(becomes_ready(socket, false));
    socket.carry_messages();
    const Fd other = listener.accept();
    std::array<char, 16> bytes{};
    CHECK(socket.receive(bytes).state == State::blocked); // at once, all the same
    REQUIRE(::send(other.get(), "you", 3, 0) == 3);
    CHECK(socket.receive_patiently(bytes).bytes == 3);
    CHECK(socket.receive_patiently(bytes).state == State::blocked);
}

TEST_CASE("an address with another port is where a server's data connections go") {
    const Listener listener;
    const Listener data;
    const NetAddress wanted = data.address();
    const auto port = ntohs(reinterpret_cast<const sockaddr_in*>(&wanted.storage)->sin_port);
    Socket second(listener.address().with_port(port));
    REQUIRE(becomes_ready(second, false));
    CHECK(second.error() == 0);
    CHECK(data.accept().is_open());
}
