// Put, get, remove and size on a directory, by checked system calls.
#include "base/path_name.hpp"
#include "node/file_action.hpp"
#include "node/remote_name.hpp"
#include "node/sized_source.hpp"

#include <fcntl.h>

#include <cerrno>

namespace nodespool::node {

namespace {

constexpr std::size_t k_buffer_bytes = 256 * 1024;
// Narrowed by the umask, as for any file this user makes.
constexpr mode_t k_directory_mode = 0777;
constexpr mode_t k_file_mode = 0666;

const std::string& or_dot(const std::string& path) {
    static const std::string dot = ".";
    return path.empty() ? dot : path;
}

} // namespace

FileSession::FileSession(std::string node, std::string root, Interrupt interrupt)
    : m_node(std::move(node)),
      m_root(std::move(root)),
      m_interrupt(std::move(interrupt)) {}

base::Fd FileSession::open_root(const Action& action) {
    base::Fd root;
    try {
        root = base::open_directory(m_root);
    } catch (const base::SystemError& error) {
        if (!failure_of_errno(error.code()))
            throw;
        action.fail(Failure::node_down, std::string(error.what()) + " (is it mounted?)");
    }
    const base::FileStatus status = action.on_node([&] { return base::status_of(root.get(), m_root); });
    if (!status.is_same_file(m_known_root)) {
        m_durable.clear();
        m_known_root = status;
    }
    return root;
}

std::optional<base::Fd> FileSession::open_directory(const base::Fd& root, const std::string& path,
                                                    const Action& action) {
    const auto open = [&](int flags) {
        return action.on_node([&] { return base::open_beneath(root.get(), or_dot(path), flags); });
    };
    base::BeneathResult opened = open(O_RDONLY | O_DIRECTORY);
    if (opened.fd.is_open())
        return std::move(opened.fd);
    // To O_DIRECTORY, a link at the end of the path is no directory and so "missing": ask without it.
    if (opened.why == base::NotOpened::missing) {
        opened = open(O_RDONLY);
        if (opened.fd.is_open())
            return std::nullopt; // a file has that name
    }
    switch (opened.why) {
    case base::NotOpened::missing:
        return std::nullopt;
    case base::NotOpened::symlink_or_escape:
        action.fail(Failure::permanent, "a symbolic link stands in the way in " + m_root);
    case base::NotOpened::not_allowed:
        action.fail(Failure::permanent, "no permission for the directory " + m_root + "/" + path);
    }
    action.fail(Failure::permanent, "cannot open the directory");
}

base::Fd FileSession::durable_directory(const base::Fd& root, const std::string& path, const Action& action) {
    std::optional<base::Fd> directory = open_directory(root, path, action);
    if (path.empty() || (directory && m_durable.contains(path))) {
        if (!directory)
            action.fail(Failure::temporary, "the directory " + m_root + " went away");
        return std::move(*directory);
    }
    // Also where it is there already: another session may have made it a moment ago and not synced it yet.
    const std::string parent_path(base::parent_of(path));
    const base::Fd parent = durable_directory(root, parent_path, action);
    action.on_node([&] {
        if (!directory)
            base::make_directory_at(parent.get(), std::string(base::name_of(path)), k_directory_mode);
        base::sync_directory(parent.get(), m_root + "/" + parent_path);
    });
    if (!directory)
        directory = open_directory(root, path, action);
    if (!directory)
        action.fail(Failure::temporary, "the directory " + path + " went away while it was being made");
    m_durable.insert(path);
    return std::move(*directory);
}

void FileSession::copy(SizedSource& source, const base::Fd& file, const Action& action) {
    m_buffer.resize(k_buffer_bytes);
    for (std::span<const char> bytes = source.next(m_buffer); !bytes.empty(); bytes = source.next(m_buffer))
        action.on_node([&] { base::write_all(file.get(), {bytes.data(), bytes.size()}, action.name); });
}

/// While a large file is sent, a disk may be unmounted or mounted over, or the directory moved away: then
/// what was written lies where nobody will look for it, and only through this descriptor can it still be
/// removed.
void FileSession::verify_root(const base::Fd& directory, const std::string& leaf, const Action& action) {
    // With the dot, a root that is a symbolic link is followed, as when it was opened.
    const std::optional<base::FileStatus> now =
        action.on_node([&] { return base::status_at(base::k_cwd, m_root + "/."); });
    if (now && now->is_same_file(m_known_root))
        return;
    std::string why = now ? "another directory is at " + m_root + " than when it was begun"
                          : "the directory " + m_root + " went away meanwhile (is it mounted?)";
    try {
        base::unlink_at(directory.get(), leaf);
    } catch (const base::SystemError& error) {
        why += "; what was written stays there: " + std::string(error.what());
    }
    action.fail(now ? Failure::temporary : Failure::node_down, why);
}

void FileSession::put(const std::string& name, Source& source) {
    const Action action{m_node, "put", name};
    refuse_bad_name(m_node, action.verb, name);
    SizedSource sized(source);
    const base::Fd root = open_root(action);
    const base::Fd directory = durable_directory(root, std::string(base::parent_of(name)), action);
    const std::string leaf(base::name_of(name));
    const base::Fd file = action.on_node([&] {
        return base::open_at(directory.get(), leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, k_file_mode);
    });
    copy(sized, file, action);
    action.on_node([&] {
        base::sync_file(file.get(), name);
        base::sync_directory(directory.get(), m_root + "/" + std::string(base::parent_of(name)));
    });
    verify_root(directory, leaf, action);
    const std::uint64_t there = action.on_node([&] { return base::status_of(file.get(), name).size_bytes; });
    if (there != sized.size_bytes())
        action.fail(Failure::temporary, "the node holds " + std::to_string(there) + " bytes of it, " +
                                            std::to_string(sized.size_bytes()) + " were written");
}

void FileSession::get(const std::string& name, Sink& sink) {
    const Action action{m_node, "get", name};
    refuse_bad_name(m_node, action.verb, name);
    const base::Fd root = open_root(action);
    const base::BeneathResult opened =
        action.on_node([&] { return base::open_beneath(root.get(), name, O_RDONLY); });
    if (!opened.fd.is_open()) {
        switch (opened.why) {
        case base::NotOpened::missing:
            action.fail(Failure::permanent, "it is not there");
        case base::NotOpened::symlink_or_escape:
            action.fail(Failure::permanent, "a symbolic link stands in the way in " + m_root);
        case base::NotOpened::not_allowed:
            action.fail(Failure::permanent, "no permission to read it");
        }
    }
    const base::FileStatus status = action.on_node([&] { return base::status_of(opened.fd.get(), name); });
    if (status.type != base::FileType::regular)
        action.fail(Failure::permanent, "it is not a regular file");
    m_buffer.resize(k_buffer_bytes);
    std::uint64_t total = 0;
    while (const std::size_t got = action.on_node(
               [&] { return base::read_some(opened.fd.get(), m_buffer.data(), m_buffer.size(), name); })) {
        sink.write({m_buffer.data(), got});
        total += got;
    }
    if (total != status.size_bytes)
        action.fail(Failure::temporary, "it broke off after " + std::to_string(total) + " of " +
                                            std::to_string(status.size_bytes) + " bytes");
}

Removal FileSession::remove(const std::string& name) {
    const Action action{m_node, "remove", name};
    refuse_bad_name(m_node, action.verb, name);
    const base::Fd root = open_root(action);
    const std::optional<base::Fd> directory =
        open_directory(root, std::string(base::parent_of(name)), action);
    if (!directory)
        return Removal::was_absent;
    const std::string leaf(base::name_of(name));
    return action.on_node([&] {
        try {
            if (!base::unlink_at(directory->get(), leaf))
                return Removal::was_absent;
        } catch (const base::SystemError& error) {
            // A read-only file system says so before it looks for the file.
            if (error.code() != EROFS || base::status_at(directory->get(), leaf))
                throw;
            return Removal::was_absent;
        }
        // Once the job is ticked, nobody asks again: the file must not come back after a power loss.
        base::sync_directory(directory->get(), m_root + "/" + std::string(base::parent_of(name)));
        return Removal::removed;
    });
}

std::optional<std::uint64_t> FileSession::size(const std::string& name) {
    const Action action{m_node, "look for", name};
    refuse_bad_name(m_node, action.verb, name);
    const base::Fd root = open_root(action);
    const std::optional<base::Fd> directory =
        open_directory(root, std::string(base::parent_of(name)), action);
    if (!directory)
        return std::nullopt;
    const std::optional<base::FileStatus> status =
        action.on_node([&] { return base::status_at(directory->get(), std::string(base::name_of(name))); });
    if (!status)
        return std::nullopt;
    if (status->type != base::FileType::regular)
        action.fail(Failure::permanent, "it is not a regular file");
    return status->size_bytes;
}

} // namespace nodespool::node
