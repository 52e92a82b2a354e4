// Both pipes of a child at once, with poll(2).
#include "base/filter_through.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <string>

namespace nodespool::base {

namespace {

constexpr std::size_t k_block_bytes = 65536;
constexpr std::string_view k_input_name = "the input of a program";
constexpr std::string_view k_output_name = "the output of a program";

/// What still has to go into the child.
class Feed {
  public:
    Feed(ChildProcess& child, std::string_view input) : m_child(&child), m_rest(input) {
        const int flags = ::fcntl(child.input(), F_GETFL);
        if (flags < 0 || ::fcntl(child.input(), F_SETFL, flags | O_NONBLOCK) != 0)
            throw_errno("prepare " + std::string(k_input_name));
        end_where_done();
    }

    [[nodiscard]] bool is_open() const { return m_child->input() >= 0; }

    /// As much as the pipe takes now.
    void write_some() {
        const auto written =
            retry_eintr([&] { return ::write(m_child->input(), m_rest.data(), m_rest.size()); });
        if (written >= 0) {
            m_rest.remove_prefix(static_cast<std::size_t>(written));
            end_where_done();
        } else if (errno == EPIPE) { // it reads no more
            m_child->close_input();
        } else if (errno != EAGAIN) {
            throw_errno("write " + std::string(k_input_name));
        }
    }

    /// Once the child has ended: was nothing left over?
    [[nodiscard]] bool was_read() const {
        int unread = 0;
        if (!m_rest.empty() || ::ioctl(m_pipe.get(), FIONREAD, &unread) != 0)
            return false;
        return unread == 0;
    }

  private:
    /// The end of its input; the pipe itself is kept, to see what the child leaves in it.
    void end_where_done() {
        if (!m_rest.empty())
            return;
        m_pipe = open_at(k_cwd, "/proc/self/fd/" + std::to_string(m_child->input()), O_RDONLY | O_NONBLOCK);
        m_child->close_input();
    }

    ChildProcess* m_child;
    std::string_view m_rest;
    Fd m_pipe;
};

} // namespace

Filtered filter_through(ChildProcess& child, std::string_view input,
                        const std::function<void(std::string_view bytes)>& on_output) {
    static std::once_flag once;
    std::call_once(once, [] { (void)std::signal(SIGPIPE, SIG_IGN); }); // a child that stops reading: EPIPE
    Feed feed(child, input);
    std::string block(k_block_bytes, '\0');
    for (;;) {
        std::array<pollfd, 2> pipes = {pollfd{child.output(), POLLIN, 0}, pollfd{child.input(), POLLOUT, 0}};
        if (retry_eintr([&] { return ::poll(pipes.data(), pipes.size(), -1); }) < 0)
            throw_errno("wait for a program");
        if (feed.is_open() && pipes[1].revents != 0)
            feed.write_some();
        if (pipes[0].revents == 0)
            continue;
        const std::size_t got = read_some(child.output(), block.data(), block.size(), k_output_name);
        if (got == 0)
            break;
        on_output(std::string_view(block).substr(0, got));
    }
    // It closed its output; it may still be reading.
    while (feed.is_open()) {
        pollfd pipe{child.input(), POLLOUT, 0};
        if (retry_eintr([&] { return ::poll(&pipe, 1, -1); }) < 0)
            throw_errno("wait for a program");
        feed.write_some();
    }
    const ChildEnd end = child.wait();
    return {end, feed.was_read()};
}

} // namespace nodespool::base
