// Two wide pipes without blocking, and poll(2).
#include "base/child_stream.hpp"

#include "base/error.hpp"
#include "base/fs_call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace nodespool::base {

namespace {

constexpr int k_pipe_bytes = 1 << 20;
constexpr std::chrono::milliseconds k_end_patience{1000};

void prepare(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        throw_errno("prepare a pipe");
    // Refused where this user has too many pipes: a narrow one works as well, only slower.
    (void)::fcntl(fd, F_SETPIPE_SZ, k_pipe_bytes);
}

} // namespace

ChildStream::ChildStream(const std::vector<std::string>& arguments, const std::vector<std::string>& variables)
    : m_child(arguments, variables, Complaints::bounded, Terminal::none) {
    static std::once_flag once;
    std::call_once(once, [] { (void)std::signal(SIGPIPE, SIG_IGN); }); // a child that has gone: EPIPE
    prepare(m_child.input());
    prepare(m_child.output());
}

ChildStream::~ChildStream() {
    try {
        m_child.end(k_end_patience);
    } catch (const Error&) {
        return; // its own destructor tries once more
    }
}

std::optional<std::size_t> ChildStream::write(std::string_view bytes) {
    const auto written = retry_eintr([&] { return ::write(m_child.input(), bytes.data(), bytes.size()); });
    if (written >= 0)
        return static_cast<std::size_t>(written);
    if (errno == EAGAIN)
        return 0;
    if (errno == EPIPE)
        return std::nullopt;
    throw_errno("write to a program");
}

std::optional<std::size_t> ChildStream::read(std::span<char> into) {
    const auto got = retry_eintr([&] { return ::read(m_child.output(), into.data(), into.size()); });
    if (got > 0)
        return static_cast<std::size_t>(got);
    if (got == 0)
        return std::nullopt;
    if (errno == EAGAIN)
        return 0;
    throw_errno("read from a program");
}

bool ChildStream::wait(Await what, std::chrono::milliseconds patience) const {
    std::array<pollfd, 2> pipes = {pollfd{m_child.output(), POLLIN, 0}, pollfd{m_child.input(), POLLOUT, 0}};
    const nfds_t count = what == Await::bytes_or_room ? 2 : 1;
    const int ready =
        retry_eintr([&] { return ::poll(pipes.data(), count, static_cast<int>(patience.count())); });
    if (ready < 0)
        throw_errno("wait for a program");
    return pipes[0].revents != 0;
}

} // namespace nodespool::base
