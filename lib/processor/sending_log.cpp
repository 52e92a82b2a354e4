// Sending logs on disk.
#include "processor/sending_log.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "queue/line_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <sstream>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_max_log_bytes = 256U << 20U;

std::string state_directory(const std::string& cluster_root) {
    return cluster_root + "/.state";
}

bool is_log_name(const std::string& name) {
    return name.starts_with("sending-") && name.ends_with(".log");
}

std::string format(const Sending& sending) {
    return fmt::format("{} {} {} {} {}\n", sending.node, base::encode_name(sending.name),
                       base::encode_name(sending.path), sending.size_bytes, base::format_time(sending.mtime));
}

/// nullopt: a settled line, or one that was cut by the end of its process (its first byte was not sent yet).
std::optional<Sending> parse(const std::string& line) {
    if (line.empty() || line.front() == '#')
        return std::nullopt;
    std::istringstream words(line);
    Sending sending;
    std::string name;
    std::string path;
    std::string mtime;
    if (!(words >> sending.node >> name >> path >> sending.size_bytes >> mtime))
        return std::nullopt;
    const auto time = base::parse_time(mtime);
    if (!time)
        return std::nullopt;
    sending.mtime = time->value;
    try {
        sending.name = base::decode_name(name);
        sending.path = base::decode_name(path);
    } catch (const base::NameError&) {
        return std::nullopt;
    }
    return sending;
}

} // namespace

SendingLog::SendingLog(const std::string& cluster_root, const base::Clock& clock)
    : m_root(cluster_root),
      m_clock(&clock) {}

/// The file is made with the first entry: a run without work leaves none.
void SendingLog::create() {
    base::make_shared_directory(state_directory(m_root));
    m_directory = base::open_directory(state_directory(m_root));
    m_name = fmt::format("sending-{}-{}-{}.log", base::host_name(), base::process_id(),
                         base::format_stamp(m_clock->now()));
    // A cleaner may find it before it is locked, and take it away: then it is made again.
    for (;;) {
        m_fd = base::open_at(m_directory.get(), m_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0660);
        base::set_mode(m_fd.get(), 0660, m_name); // the next run may be another user's of the group
        base::lock_exclusively(m_fd.get(), base::LockWait::yes, m_name);
        const auto named = base::status_at(m_directory.get(), m_name);
        if (named && named->is_same_file(base::status_of(m_fd.get(), m_name)))
            break;
    }
    m_end = base::status_of(m_fd.get(), m_name).size_bytes;
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
    // Everything in it is settled: begin anew, so that the log of a long run stays small.
    constexpr std::uint64_t k_large = 1U << 20U;
    if (m_open.empty() && m_end > k_large) {
        base::truncate_to(m_fd.get(), 0, m_name);
        m_end = 0;
    }
    const std::string line = format(sending);
    const Entry entry = m_end;
    if (!base::is_broken(base::Break::no_sending_log))
        base::write_all_at(m_fd.get(), line, entry, m_name);
    m_end += line.size();
    m_open.emplace(entry, sending);
    return entry;
}

void SendingLog::settle(Entry entry) {
    const std::scoped_lock lock(m_mutex);
    base::write_all_at(m_fd.get(), "#", entry, m_name);
    m_open.erase(entry);
}

std::vector<std::pair<SendingLog::Entry, Sending>> SendingLog::open_entries() {
    const std::scoped_lock lock(m_mutex);
    return {m_open.begin(), m_open.end()};
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
            queue::LineReader lines(fd->get(), path + "/" + name);
            while (const auto line = lines.next())
                if (const auto sending = parse(std::string(line->text)))
                    visit(*sending);
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
    std::istringstream lines(base::read_whole(m_fd.get(), k_max_log_bytes, m_name));
    std::vector<Sending> entries;
    for (std::string line; std::getline(lines, line);)
        if (auto sending = parse(line))
            entries.push_back(std::move(*sending));
    return entries;
}

void AbandonedLog::remove() {
    const base::Fd directory = base::open_directory(m_directory);
    base::unlink_at(directory.get(), m_name);
}

} // namespace nodespool::processor
