// Staging and publication of files.
#include "base/staged_file.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/staging_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>

namespace nodespool::base {

namespace {

constexpr std::size_t k_buffer_bytes = 65536;
constexpr std::size_t k_random_digits = 16;

bool is_temporary_name(std::string_view name) {
    constexpr std::string_view k_suffix = ".tmp";
    if (!name.starts_with('.') || !name.ends_with(k_suffix) ||
        name.size() < k_random_digits + k_suffix.size() + 2)
        return false;
    name.remove_suffix(k_suffix.size());
    const std::string_view digits = name.substr(name.size() - k_random_digits);
    return name[name.size() - k_random_digits - 1] == '.' &&
           digits.find_first_not_of("0123456789abcdef") == digits.npos;
}

} // namespace

std::string temporary_name(const std::string& name) {
    return fmt::format(".{}.{:016x}.tmp", name, random_64_bits());
}

namespace {

/// The same for a directory that is this process's own.
std::string counted_name(const std::string& name) {
    static std::atomic<std::uint64_t> counter{0};
    return fmt::format(".{}.{:016x}.tmp", name, ++counter);
}

} // namespace

StagedFile::StagedFile(int dir_fd, const std::string& name, mode_t mode, Guard guard)
    : m_dir_fd(dir_fd),
      m_temporary(guard == Guard::staging_directory ? counted_name(name) : temporary_name(name)) {
    if (guard == Guard::staging_directory) {
        m_fd = open_at(m_dir_fd, m_temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
        return;
    }
    // Until the lock is held, a cleaner may take the new name for abandoned: then it is made again.
    for (;;) {
        m_fd = open_at(m_dir_fd, m_temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
        lock_exclusively(m_fd.get(), LockWait::yes, m_temporary);
        const std::optional<FileStatus> named = status_at(m_dir_fd, m_temporary);
        if (named && named->is_same_file(status_of(m_fd.get(), m_temporary)))
            return;
    }
}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : m_dir_fd(other.m_dir_fd),
      m_temporary(std::move(other.m_temporary)),
      m_fd(std::move(other.m_fd)),
      m_buffer(std::move(other.m_buffer)),
      m_size_bytes(other.m_size_bytes),
      m_synced(other.m_synced),
      m_renamed(std::exchange(other.m_renamed, true)) {}

StagedFile::~StagedFile() {
    if (m_renamed)
        return;
    try {
        unlink_at(m_dir_fd, m_temporary);
    } catch (const Error&) {
        // The temporary stays; its name marks it, and whoever opens the directory next clears it away.
    }
}

void StagedFile::append(std::string_view bytes) {
    m_buffer.append(bytes);
    m_size_bytes += bytes.size();
    m_synced = false;
    if (m_buffer.size() >= k_buffer_bytes)
        flush();
}

void StagedFile::flush() {
    write_all(m_fd.get(), m_buffer, m_temporary);
    m_buffer.clear();
}

void StagedFile::sync() {
    flush();
    if (!is_broken(Break::file_not_synced))
        sync_file(m_fd.get(), m_temporary);
    m_synced = true;
}

bool StagedFile::rename_to(int dir_fd, const std::string& name, Replace replace) {
    ensure(m_synced, "a staged file is synced before it gets its name");
    if (replace == Replace::yes)
        rename_at(m_dir_fd, m_temporary, dir_fd, name);
    else if (!rename_no_replace(m_dir_fd, m_temporary, dir_fd, name))
        return false;
    m_renamed = true;
    m_fd.reset();
    return true;
}

bool publish(int dir_fd, const std::string& name, std::string_view content, mode_t mode, Replace replace) {
    StagedFile file(dir_fd, name, mode);
    set_mode(file.fd(), mode, name);
    file.append(content);
    file.sync();
    if (!file.rename_to(dir_fd, name, replace))
        return false;
    sync_directory(dir_fd, name);
    return true;
}

std::size_t clear_abandoned(int dir_fd, std::string_view path_for_errors) {
    std::size_t cleared = 0;
    for_each_entry(dir_fd, path_for_errors, [&](const std::string& name) {
        if (!is_temporary_name(name))
            return true;
        const std::optional<Fd> fd = try_open_at(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!fd)
            return true;
        if (status_of(fd->get(), name).type == FileType::directory) {
            cleared += clear_abandoned_staging(dir_fd, name, fd->get()) ? 1 : 0;
            return true;
        }
        if (!lock_exclusively(fd->get(), LockWait::no, name))
            return true;
        const std::optional<FileStatus> named = status_at(dir_fd, name);
        if (named && named->is_same_file(status_of(fd->get(), name)) && unlink_at(dir_fd, name))
            ++cleared;
        return true;
    });
    return cleared;
}

} // namespace nodespool::base
