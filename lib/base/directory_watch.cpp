// inotify, with an eventfd to end the wait.
#include "base/directory_watch.hpp"

#include "base/error.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace nodespool::base {

namespace {

/// Takes all events. @return whether one was about a file that is not hidden, or about a directory itself
bool take_events(int inotify) {
    alignas(inotify_event) std::array<char, 16384> events{};
    bool any = false;
    for (;;) {
        const ssize_t got = ::read(inotify, events.data(), events.size());
        if (got <= 0)
            return any;
        for (ssize_t at = 0; at < got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(events.data() + at);
            any = any || event->len == 0 || event->name[0] != '.';
            at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
        }
    }
}

} // namespace

DirectoryWatch::DirectoryWatch(const std::vector<std::string>& directories,
                               const std::vector<std::string>& held)
    : m_inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!m_inotify.is_open() || !m_wake.is_open())
        throw_errno("watch directories");
    // IN_CLOSE_WRITE too: who renames a file into place may hold its lock a moment longer than the rename.
    for (const std::string& directory : directories)
        if (::inotify_add_watch(m_inotify.get(), directory.c_str(),
                                IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
            throw_errno("watch " + directory);
    // Where one cannot be watched (it may be searched but not read), it is found moved at the next look.
    for (const std::string& directory : held)
        ::inotify_add_watch(m_inotify.get(), directory.c_str(), IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD);
}

bool DirectoryWatch::wait(std::chrono::milliseconds longest) {
    std::array<pollfd, 2> fds{{{m_inotify.get(), POLLIN, 0}, {m_wake.get(), POLLIN, 0}}};
    const auto timeout = std::clamp<std::int64_t>(longest.count(), 0, std::numeric_limits<int>::max());
    ::poll(fds.data(), fds.size(), static_cast<int>(timeout));
    std::uint64_t wakes = 0;
    [[maybe_unused]] const auto got = ::read(m_wake.get(), &wakes, sizeof wakes);
    return take_events(m_inotify.get());
}

void DirectoryWatch::wake() {
    const std::uint64_t one = 1;
    // Full counter: a wake-up is on its way already.
    [[maybe_unused]] const auto written = ::write(m_wake.get(), &one, sizeof one);
}

} // namespace nodespool::base
