// Sockets, addresses and poll(2).
#include "base/socket.hpp"

#include "base/error.hpp"
#include "base/fs_call.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

namespace nodespool::base {

namespace {

constexpr std::size_t k_most_awaited = 8;
// A peer that went away without a word is noticed after a minute of silence and four unanswered probes.
constexpr int k_keepalive_idle_s = 60;
constexpr int k_keepalive_interval_s = 15;
constexpr int k_keepalive_probes = 4;

struct AddressList {
    std::vector<NetAddress> addresses;
    std::string trouble;
};

AddressList look_up(const std::string& host, std::uint16_t port, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    AddressList list;
    if (code != 0) {
        list.trouble = code == EAI_SYSTEM ? text_of_errno(errno) : ::gai_strerror(code);
        return list;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_addrlen > sizeof(sockaddr_storage))
            continue;
        NetAddress address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.size = entry->ai_addrlen;
        list.addresses.push_back(address);
    }
    return list;
}

bool would_wait(int error) {
    // EINPROGRESS and ENOTCONN: the connection is still being made.
    return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS || error == ENOTCONN ||
           error == EALREADY;
}

IoResult failure(int error) {
    if (would_wait(error))
        return {IoResult::State::blocked, 0, 0};
    return {IoResult::State::failed, 0, error};
}

IoResult received(ssize_t count) {
    if (count < 0)
        return failure(errno);
    if (count == 0)
        return {IoResult::State::ended, 0, 0};
    return {IoResult::State::moved, static_cast<std::size_t>(count), 0};
}

void set_option(int fd, int level, int name, int value) {
    // None of them is worth a failure: without it, a connection is slower or its death is seen later.
    static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

} // namespace

std::string text_of_errno(int error) {
    return std::generic_category().message(error);
}

NetAddress NetAddress::with_port(std::uint16_t port) const {
    NetAddress changed = *this;
    if (changed.storage.ss_family == AF_INET6)
        reinterpret_cast<sockaddr_in6*>(&changed.storage)->sin6_port = htons(port);
    else
        reinterpret_cast<sockaddr_in*>(&changed.storage)->sin_port = htons(port);
    return changed;
}

bool is_ip_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

struct HostLookup::State {
    std::mutex mutex;
    std::condition_variable ended;
    bool has_ended = false;
    AddressList list;
};

HostLookup::HostLookup(const std::string& host, std::uint16_t port) : m_state(std::make_shared<State>()) {
    if (is_ip_address(host)) {
        m_state->list = look_up(host, port, AI_NUMERICHOST);
        m_state->has_ended = true;
        return;
    }
    const auto find = [state = m_state, host, port] {
        AddressList list = look_up(host, port, AI_ADDRCONFIG);
        const std::scoped_lock lock(state->mutex);
        state->list = std::move(list);
        state->has_ended = true;
        state->ended.notify_all();
    };
    try {
        std::thread(find).detach();
    } catch (const std::system_error&) { // no thread is left: nobody can give up waiting for this one
        find();
    }
}

bool HostLookup::wait_for(std::chrono::milliseconds limit) {
    std::unique_lock lock(m_state->mutex);
    return m_state->ended.wait_for(lock, limit, [this] { return m_state->has_ended; });
}

std::vector<NetAddress> HostLookup::addresses() const {
    const std::scoped_lock lock(m_state->mutex);
    return m_state->list.addresses;
}

std::string HostLookup::trouble() const {
    const std::scoped_lock lock(m_state->mutex);
    return m_state->list.trouble;
}

Socket::Socket(const NetAddress& to)
    : m_fd(retry_eintr(
          [&] { return ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); })) {
    if (!m_fd.is_open()) {
        if (errno != EAFNOSUPPORT) // a machine without IPv6 has other addresses to try
            throw_errno("make a socket");
        m_connect_error = errno;
        return;
    }
    const auto* address = reinterpret_cast<const sockaddr*>(&to.storage);
    // Interrupted by a signal, it goes on by itself.
    if (::connect(m_fd.get(), address, to.size) != 0 && errno != EINPROGRESS && errno != EINTR)
        m_connect_error = errno;
}

int Socket::error() const {
    if (m_connect_error != 0 || !m_fd.is_open())
        return m_connect_error;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(m_fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void Socket::carry_messages() {
    const int flags = ::fcntl(m_fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(m_fd.get(), F_SETFL, flags & ~O_NONBLOCK) < 0)
        throw_errno("prepare a socket");
    timeval patience{};
    patience.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(k_patience).count();
    if (::setsockopt(m_fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        throw_errno("prepare a socket");
    set_option(m_fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(m_fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(m_fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, k_keepalive_idle_s);
    set_option(m_fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, k_keepalive_interval_s);
    set_option(m_fd.get(), IPPROTO_TCP, TCP_KEEPCNT, k_keepalive_probes);
}

void Socket::send_in_step() {
    // The kernel doubles it: 256 KiB each 200 us are 1.3 GB/s, which is more than one connection carries.
    constexpr std::uint32_t k_near_us = 200;
    constexpr int k_queue_bytes = 128 * 1024;
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(m_fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt <= k_near_us)
        set_option(m_fd.get(), SOL_SOCKET, SO_SNDBUF, k_queue_bytes);
}

IoResult Socket::send(std::span<const char> bytes) {
    if (m_connect_error != 0)
        return {IoResult::State::failed, 0, m_connect_error};
    const ssize_t count = retry_eintr(
        [&] { return ::send(m_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
    if (count < 0)
        return failure(errno);
    return {IoResult::State::moved, static_cast<std::size_t>(count), 0};
}

IoResult Socket::receive(std::span<char> into) {
    if (m_connect_error != 0)
        return {IoResult::State::failed, 0, m_connect_error};
    return received(retry_eintr([&] { return ::recv(m_fd.get(), into.data(), into.size(), MSG_DONTWAIT); }));
}

IoResult Socket::receive_patiently(std::span<char> into) {
    return received(retry_eintr([&] { return ::recv(m_fd.get(), into.data(), into.size(), 0); }));
}

void Socket::end_sending() {
    static_cast<void>(::shutdown(m_fd.get(), SHUT_WR)); // fails only where the connection is gone anyway
}

bool wait_for_any(std::span<Awaited> sockets, std::chrono::milliseconds limit) {
    std::array<pollfd, k_most_awaited> polled{};
    ensure(sockets.size() <= polled.size(), "a wait is for a few sockets");
    for (std::size_t i = 0; i < sockets.size(); ++i)
        polled[i] = {
            sockets[i].fd,
            static_cast<short>((sockets[i].to_receive ? POLLIN : 0) | (sockets[i].to_send ? POLLOUT : 0)), 0};
    const int count = ::poll(polled.data(), sockets.size(), static_cast<int>(limit.count()));
    if (count < 0 && errno != EINTR)
        throw_errno("wait for a socket");
    for (std::size_t i = 0; i < sockets.size(); ++i)
        sockets[i].is_ready = count > 0 && polled[i].revents != 0;
    return count > 0;
}

} // namespace nodespool::base
