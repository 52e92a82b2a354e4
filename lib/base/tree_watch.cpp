// inotify on every directory of a tree; it watches single directories only.
#include "base/tree_watch.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>

namespace nodespool::base {

namespace {

constexpr std::uint32_t k_events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_ONLYDIR;
/// One wait returns after about so many files, so that they are queued before more are taken.
constexpr std::size_t k_enough_files = 4096;

std::string below(const std::string& directory, std::string_view name) {
    return directory.empty() ? std::string(name) : directory + '/' + std::string(name);
}

} // namespace

TreeWatch::TreeWatch(const std::string& root, std::function<bool(const std::string& path)> enters)
    : m_root(root),
      m_enters(std::move(enters)),
      m_root_fd(open_directory(root)),
      m_inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!m_inotify.is_open() || !m_wake.is_open())
        throw_errno("watch " + root);
    News ignored;
    watch_tree("", Tell::no, ignored);
    if (m_paths.empty())
        throw SystemError("watch " + root, ENOSPC);
}

/// By the descriptor: a path could lead elsewhere by now. nullopt: it cannot be watched.
std::optional<int> TreeWatch::watch_directory(int fd) const {
    const std::string by_descriptor = "/proc/self/fd/" + std::to_string(fd);
    const int watch = ::inotify_add_watch(m_inotify.get(), by_descriptor.c_str(), k_events);
    if (watch >= 0)
        return watch;
    if (errno != ENOSPC && errno != ENOMEM && errno != EACCES)
        throw_errno("watch a directory below " + m_root + " by " + by_descriptor);
    return std::nullopt;
}

void TreeWatch::watch_tree(const std::string& path, Tell files, News& news) {
    std::vector<std::string> directories{path};
    while (!directories.empty()) {
        const std::string directory = std::move(directories.back());
        directories.pop_back();
        watch_one(directory, files, news, directories);
    }
}

/// A directory that cannot be read is one that cannot be watched: the others still are.
void TreeWatch::watch_one(const std::string& directory, Tell files, News& news,
                          std::vector<std::string>& directories) {
    BeneathResult opened;
    try {
        opened = open_beneath(m_root_fd.get(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
    } catch (const SystemError&) {
        if (directory.empty())
            throw;
        opened.why = NotOpened::not_allowed;
    }
    if (!opened.fd.is_open()) {
        m_unwatched += opened.why == NotOpened::not_allowed ? 1 : 0;
        return;
    }
    if (const std::optional<int> watch = watch_directory(opened.fd.get()))
        m_paths[*watch] = directory;
    else
        ++m_unwatched;
    const auto take_entry = [&](const std::string& name, FileType type) {
        std::string entry = below(directory, name);
        if ((type != FileType::directory && type != FileType::regular) || !m_enters(entry))
            return true;
        if (type == FileType::directory)
            directories.push_back(std::move(entry));
        else if (files == Tell::yes)
            news.files.push_back(std::move(entry));
        return true;
    };
    // Only now: what comes from here on is in the events, what came before is in the list.
    try {
        for_each_typed_entry(opened.fd.get(), directory, take_entry);
    } catch (const SystemError&) {
        ++m_unwatched;
    }
}

void TreeWatch::forget_tree(const std::string& path) {
    std::erase_if(m_paths, [&](const auto& entry) {
        const std::string& watched = entry.second;
        const bool is_in_it = watched == path || (watched.size() > path.size() && watched.starts_with(path) &&
                                                  watched[path.size()] == '/');
        if (is_in_it)
            ::inotify_rm_watch(m_inotify.get(), entry.first);
        return is_in_it;
    });
}

/// The kernel says nothing of it while it is open here.
void TreeWatch::require_root() const {
    const std::optional<FileStatus> named = status_at(k_cwd, m_root);
    if (!named || !named->is_same_file(status_of(m_root_fd.get(), m_root)))
        throw SystemError("watch " + m_root, ENOENT);
}

TreeWatch::News TreeWatch::wait(std::chrono::milliseconds longest) {
    std::array<pollfd, 2> fds{{{m_inotify.get(), POLLIN, 0}, {m_wake.get(), POLLIN, 0}}};
    const auto timeout = std::clamp<std::int64_t>(longest.count(), 0, std::numeric_limits<int>::max());
    ::poll(fds.data(), fds.size(), static_cast<int>(timeout));
    std::uint64_t wakes = 0;
    [[maybe_unused]] const auto woken = ::read(m_wake.get(), &wakes, sizeof wakes);
    News news;
    alignas(inotify_event) std::array<char, 65536> events{};
    while (news.files.size() + news.names.size() < k_enough_files) {
        const ssize_t got = ::read(m_inotify.get(), events.data(), events.size());
        if (got <= 0)
            break;
        take({events.data(), static_cast<std::size_t>(got)}, news);
    }
    if (news.files.empty())
        require_root();
    return news;
}

void TreeWatch::take(std::string_view bytes, News& news) {
    while (!bytes.empty()) {
        const auto* event = reinterpret_cast<const inotify_event*>(bytes.data());
        // The name is filled up with NULs.
        const std::string_view name = event->len > 0 ? std::string_view(event->name) : std::string_view();
        take_one(event->wd, event->mask, name, news);
        bytes.remove_prefix(sizeof(inotify_event) + event->len);
    }
}

void TreeWatch::take_one(int watch, unsigned mask, std::string_view name, News& news) {
    if ((mask & IN_Q_OVERFLOW) != 0) {
        news.is_complete = false;
        m_unwatched = 0;
        watch_tree("", Tell::no, news); // directories that came up meanwhile
        return;
    }
    const auto found = m_paths.find(watch);
    if (found == m_paths.end())
        return;
    if ((mask & IN_IGNORED) != 0) {
        m_paths.erase(found);
        return;
    }
    const std::string path = below(found->second, name);
    if (name.empty() || !m_enters(path))
        return;
    if ((mask & IN_ISDIR) == 0) {
        if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0)
            news.files.push_back(path);
        else if ((mask & IN_CREATE) != 0)
            news.names.push_back(path);
        return;
    }
    if ((mask & IN_MOVED_FROM) != 0)
        forget_tree(path);
    else if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0)
        watch_tree(path, Tell::yes, news);
}

void TreeWatch::wake() {
    const std::uint64_t one = 1;
    // Full counter: a wake-up is on its way already.
    [[maybe_unused]] const auto written = ::write(m_wake.get(), &one, sizeof one);
}

} // namespace nodespool::base
