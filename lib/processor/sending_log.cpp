// Sending logs on disk.
#include "processor/sending_log.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/staged_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

/// Some thousand files.
constexpr std::uint64_t k_large_bytes = 1U << 20U;

std::string state_directory(const std::string& cluster_root) {
    return cluster_root + "/.state";
}

bool is_log_name(const std::string& name) {
    return name.starts_with("sending-") && name.ends_with(".log");
}

} // namespace

SendingLog::SendingLog(const std::string& cluster_root, const base::Clock& clock)
    : m_root(cluster_root),
      m_clock(&clock) {}

base::Fd SendingLog::open_locked(const std::string& name) const {
    // A cleaner may find it before it is locked, and take it away: then it is made again.
    for (;;) {
        base::Fd fd = base::open_at(m_directory.get(), name, O_RDWR | O_CREAT | O_NOFOLLOW, 0660);
        base::set_mode(fd.get(), 0660, name); // the next run may be another user's of the group
        base::lock_exclusively(fd.get(), base::LockWait::yes, name);
        const auto named = base::status_at(m_directory.get(), name);
        if (named && named->is_same_file(base::status_of(fd.get(), name)))
            return fd;
    }
}

/// The file is made with the first entry: a run without work leaves none.
void SendingLog::create() {
    base::make_shared_directory(state_directory(m_root));
    m_directory = base::open_directory(state_directory(m_root));
    m_name = fmt::format("sending-{}-{}-{}.log", base::host_name(), base::process_id(),
                         base::format_stamp(m_clock->now()));
    m_fd = open_locked(m_name);
    m_end = base::status_of(m_fd.get(), m_name).size_bytes;
    m_anew_at = k_large_bytes;
}

/// The open entries in a file that takes the old one's place: whoever looks, and whenever a crash comes,
/// finds all of them in the one or the other. The new one is locked before it has the name, so that nobody
/// takes it for a dead process's, and on disk before, so that no power cut leaves less than the old one would
/// have. What a crash or an error leaves under the temporary name goes as all temporaries in `.state/` do.
void SendingLog::begin_anew() {
    const std::string temporary = base::temporary_name(m_name);
    base::Fd fd = open_locked(temporary);
    std::string text;
    std::vector<std::uint64_t> offsets;
    for (const auto& [entry, line] : m_open) {
        offsets.push_back(text.size());
        text += to_line(line.sending);
    }
    base::write_all_at(fd.get(), text, 0, temporary);
    base::sync_file(fd.get(), temporary);
    base::rename_at(m_directory.get(), temporary, m_directory.get(), m_name);
    m_fd = std::move(fd);
    m_end = text.size();
    auto offset = offsets.begin();
    for (auto& [entry, line] : m_open)
        line.offset = *offset++;
}

/// Where it cannot be begun anew, the old one goes on.
void SendingLog::keep_small() {
    if (m_end < m_anew_at)
        return;
    try {
        if (m_open.empty()) {
            base::truncate_to(m_fd.get(), 0, m_name);
            m_end = 0;
        } else {
            begin_anew();
        }
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, m_name + " is not begun anew: " + error.what());
    }
    m_anew_at = std::max(k_large_bytes, 2 * m_end);
}

SendingLog::~SendingLog() {
    try {
        if (m_fd.is_open() && m_open.empty())
            base::unlink_at(m_directory.get(), m_name);
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, error.what());
    }
}

SendingLog::Entry SendingLog::note(const Sending& sending) {
    const std::scoped_lock lock(m_mutex);
    if (!m_fd.is_open())
        create();
    keep_small();
    const std::string line = to_line(sending);
    if (!base::is_broken(base::Break::no_sending_log))
        base::write_all_at(m_fd.get(), line, m_end, m_name);
    m_open.emplace(m_next_entry, Line{m_end, sending});
    m_end += line.size();
    return m_next_entry++;
}

void SendingLog::settle(Entry entry) {
    const std::scoped_lock lock(m_mutex);
    const auto open = m_open.find(entry);
    if (open == m_open.end())
        return;
    base::write_all_at(m_fd.get(), "#", open->second.offset, m_name);
    m_open.erase(open);
}

std::vector<std::pair<SendingLog::Entry, Sending>> SendingLog::open_entries() {
    const std::scoped_lock lock(m_mutex);
    std::vector<std::pair<Entry, Sending>> entries;
    for (const auto& [entry, line] : m_open)
        entries.emplace_back(entry, line.sending);
    return entries;
}

std::size_t for_each_open_sending(const std::string& cluster_root,
                                  const std::function<void(const Sending&)>& visit) {
    const std::string path = state_directory(cluster_root);
    const auto directory = base::try_open_at(base::k_cwd, path, O_RDONLY | O_DIRECTORY);
    if (!directory)
        return 0;
    std::vector<std::string> names;
    base::for_each_entry(directory->get(), path, [&](const std::string& name) {
        if (is_log_name(name))
            names.push_back(name);
        return true;
    });
    std::size_t unreadable = 0;
    for (const std::string& name : names) {
        try {
            const auto fd = base::try_open_regular(directory->get(), name);
            if (!fd)
                continue; // all settled since, and taken away
            for_each_open_line(fd->get(), path + "/" + name, visit);
        } catch (const base::SystemError& error) {
            base::log(base::LogLevel::error, error.what());
            ++unreadable;
        }
    }
    return unreadable;
}

std::vector<AbandonedLog> AbandonedLog::find(const std::string& cluster_root) {
    std::vector<AbandonedLog> logs;
    const std::string path = state_directory(cluster_root);
    const auto directory = base::try_open_at(base::k_cwd, path, O_RDONLY | O_DIRECTORY);
    if (!directory)
        return logs;
    base::for_each_entry(directory->get(), path, [&](const std::string& name) {
        if (!is_log_name(name))
            return true;
        try {
            auto fd = base::try_open_regular(directory->get(), name);
            if (!fd || !base::lock_exclusively(fd->get(), base::LockWait::no, name))
                return true;
            const auto named = base::status_at(directory->get(), name);
            if (named && named->is_same_file(base::status_of(fd->get(), name)))
                logs.push_back(AbandonedLog(path, name, std::move(*fd)));
        } catch (const base::CannotLock&) {
            throw;
        } catch (const base::Error& error) {
            base::log(base::LogLevel::warning,
                      error.what()); // another user's: that user's next run settles it
        }
        return true;
    });
    return logs;
}

std::vector<Sending> AbandonedLog::open_entries() const {
    std::vector<Sending> entries;
    for_each_open_line(m_fd.get(), m_directory + "/" + m_name,
                       [&](Sending sending) { entries.push_back(std::move(sending)); });
    return entries;
}

void AbandonedLog::remove() {
    const base::Fd directory = base::open_directory(m_directory);
    base::unlink_at(directory.get(), m_name);
}

} // namespace nodespool::processor
