// Safe looks into a tree that others write to.
#include "processor/file_space.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"
#include "base/stable_hash.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace nodespool::processor {

namespace {

FileSpace::Found not_found(base::NotOpened why) {
    FileSpace::Found found;
    switch (why) {
    case base::NotOpened::missing:
        found.missing = true;
        found.why_not = "no such file";
        break;
    case base::NotOpened::symlink_or_escape:
        found.why_not = "a symbolic link in its path";
        break;
    case base::NotOpened::not_allowed:
        found.not_allowed = true;
        found.why_not = "this user may not read it";
        break;
    }
    return found;
}

FileSpace::Found found_as(const base::FileStatus& status) {
    FileSpace::Found found;
    switch (status.type) {
    case base::FileType::regular:
        found.status = status;
        break;
    case base::FileType::directory:
        found.why_not = "a directory";
        break;
    case base::FileType::symlink:
        found.why_not = "a symbolic link";
        break;
    case base::FileType::other:
        found.why_not = "not a regular file";
        break;
    }
    return found;
}

} // namespace

FileSpace::FileSpace(const std::string& directory, std::chrono::seconds quiet, const base::Clock& clock)
    : m_path(directory),
      m_quiet(quiet),
      m_clock(&clock),
      m_dir(base::open_directory(directory)) {}

/// A name in the file space itself leads nowhere else, as long as a link of that name is not followed.
FileSpace::Found FileSpace::look_at_top(const std::string& name) const {
    try {
        const std::optional<base::FileStatus> status = base::status_at(m_dir.get(), name);
        return status ? found_as(*status) : not_found(base::NotOpened::missing);
    } catch (const base::SystemError& error) {
        if (error.code() == EACCES || error.code() == EPERM)
            return not_found(base::NotOpened::not_allowed);
        throw;
    }
}

FileSpace::Found FileSpace::look(const std::string& path) const {
    if (path.find('/') == path.npos && path != "..")
        return look_at_top(path);
    const base::BeneathResult result = base::find_beneath(m_dir.get(), path);
    if (!result.fd.is_open())
        return not_found(result.why);
    return found_as(base::status_of(result.fd.get(), path));
}

FileSpace::Opened FileSpace::open(const std::string& path) const {
    base::BeneathResult result;
    try {
        result = base::open_beneath(m_dir.get(), path, O_RDONLY | O_NOCTTY);
    } catch (const base::LeaseHeld&) {
        return {base::Fd(), look(path)};
    }
    if (!result.fd.is_open())
        return {base::Fd(), not_found(result.why)};
    Found found = found_as(base::status_of(result.fd.get(), path));
    if (!found.status)
        return {base::Fd(), std::move(found)};
    return {std::move(result.fd), std::move(found)};
}

Rest FileSpace::rest_of(int fd, const base::FileStatus& status) const {
    if (fd < 0)
        return Rest::being_written;
    switch (base::writers_of(fd)) {
    case base::Writers::none:
        return Rest::quiet;
    case base::Writers::some:
        return Rest::being_written;
    case base::Writers::cannot_tell:
        break;
    }
    return status.rested_s(m_clock->now()) >= static_cast<double>(m_quiet.count()) ? Rest::quiet
                                                                                   : Rest::being_written;
}

std::optional<base::Fd> FileSpace::open_parent(const std::string& path) const {
    return open_directory(std::string(base::parent_of(path)));
}

std::optional<base::Fd> FileSpace::open_directory(const std::string& directory) const {
    base::BeneathResult result =
        base::open_beneath(m_dir.get(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
    if (!result.fd.is_open())
        return std::nullopt;
    return std::move(result.fd);
}

std::optional<int> ParentDirectories::of(const std::string& path) {
    constexpr std::size_t k_most_open = 64;
    const std::string_view parent = base::parent_of(path);
    auto found = m_open.find(parent);
    if (found == m_open.end()) {
        if (m_open.size() >= k_most_open)
            m_open.clear();
        found = m_open.emplace(parent, m_files->open_parent(path)).first;
    }
    if (!found->second)
        return std::nullopt;
    return found->second->get();
}

std::string hidden_name(const std::string& path) {
    return std::string(k_hidden_prefix) + base::stable_hash_hex(path);
}

} // namespace nodespool::processor
