// TCP as a client uses it: names to addresses, connections, bytes, and waiting with a limit.
//
// What a network does is never an exception here: a call tells whether bytes moved, whether it would have to
// wait, or what ended the connection. SystemError is for what this machine lacks.
#pragma once

#include "base/fd.hpp"

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nodespool::base {

/// An IPv4 or IPv6 address with a port.
struct NetAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] NetAddress with_port(std::uint16_t port) const;
};

/// Is it written in digits, so that no name server has to be asked?
bool is_ip_address(const std::string& host);

/// A host name being looked up, in a thread of its own: getaddrinfo(3) takes as long as it likes. Giving up
/// is to forget about it.
class HostLookup {
  public:
    HostLookup(const std::string& host, std::uint16_t port);
    /// true: it has ended.
    [[nodiscard]] bool wait_for(std::chrono::milliseconds limit);
    /// After its end, in the order in which they are to be tried; none where the look-up failed.
    [[nodiscard]] std::vector<NetAddress> addresses() const;
    /// Why there is none: "Name or service not known".
    [[nodiscard]] std::string trouble() const;

  private:
    struct State;
    std::shared_ptr<State> m_state;
};

/// What came of sending or receiving.
struct IoResult {
    enum class State {
        moved,   ///< some bytes
        blocked, ///< none now
        ended,   ///< the other side sends no more
        failed   ///< the connection is gone: see error
    };
    State state = State::blocked;
    std::size_t bytes = 0;
    int error = 0; ///< errno
};

/// "Connection refused"
std::string text_of_errno(int error);

/// One TCP connection. Nothing here waits but receive_patiently(), and nothing raises SIGPIPE.
class Socket {
  public:
    /// receive_patiently() waits no longer than this.
    static constexpr std::chrono::milliseconds k_patience{1000};

    Socket() = default;
    /// Begins to connect. Until the connection stands, send() and receive() are blocked.
    explicit Socket(const NetAddress& to);

    [[nodiscard]] bool is_open() const { return m_fd.is_open(); }
    [[nodiscard]] int fd() const { return m_fd.get(); }
    /// Why it could not even begin to connect: errno, or 0.
    [[nodiscard]] int error_at_once() const { return m_connect_error; }
    /// What ended it, as far as is known without sending or receiving: errno, or 0.
    [[nodiscard]] int error() const;

    /// For a connection of small messages: they go out at once, and a silent network is noticed.
    void carry_messages();

    /// For a connection that stands and that much will be sent over: where the other side is near, no more is
    /// queued than the processor's caches hold.
    void send_in_step();

    IoResult send(std::span<const char> bytes);
    IoResult receive(std::span<char> into);
    /// Waits for bytes, at most k_patience. Only after carry_messages().
    IoResult receive_patiently(std::span<char> into);
    /// The other side sees the end of what was sent; receiving goes on.
    void end_sending();
    void close() { m_fd.reset(); }

  private:
    Fd m_fd;
    int m_connect_error = 0;
};

/// A socket that is waited for.
struct Awaited {
    int fd = -1;
    bool to_receive = false;
    bool to_send = false;
    bool is_ready = false; ///< one of both is possible, or the connection has ended
};

/// Waits until one of @p sockets is ready; false: none was within @p limit.
bool wait_for_any(std::span<Awaited> sockets, std::chrono::milliseconds limit);

} // namespace nodespool::base
