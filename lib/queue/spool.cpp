// The spool directory.
#include "queue/spool.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "base/unique_name.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cctype>

namespace nodespool::queue {

namespace {

constexpr mode_t k_file_mode = 0660;

std::string made_spool_directories(const std::string& cluster_root) {
    std::string path = cluster_root + "/.queue";
    try {
        for (const char* below : {"", "/rejected", "/held"})
            base::make_shared_directory(path + below);
    } catch (const base::SystemError& error) {
        throw base::Error(base::ErrorClass::cannot_create, error.what());
    }
    return path;
}

bool has_own_prefix(const std::string& name, const std::vector<Keyword>& keywords) {
    const auto plain = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    };
    if (!std::all_of(name.begin(), name.end(), plain))
        return false;
    return std::any_of(keywords.begin(), keywords.end(), [&](Keyword keyword) {
        return name.starts_with(std::string(to_string(keyword)) + '-') ||
               (keyword == Keyword::replicate && name.starts_with("replicator-"));
    });
}

template <typename Wanted>
std::vector<std::string> sorted_names(const base::Fd& dir, const std::string& path, Wanted wanted) {
    std::vector<std::string> names;
    if (!dir.is_open())
        return names;
    base::for_each_entry(dir.get(), path, [&](const std::string& name) {
        if (!name.starts_with('.') && wanted(name))
            names.push_back(name);
        return true;
    });
    std::sort(names.begin(), names.end());
    return names;
}

bool is_queue_file(const std::string& name) {
    return name.ends_with(".q");
}

base::Fd open_if_there(const std::string& path) {
    auto fd = base::try_open_at(base::k_cwd, path, O_RDONLY | O_DIRECTORY);
    return fd ? std::move(*fd) : base::Fd();
}

} // namespace

Priority priority_of(std::string_view queue_file) {
    if (queue_file.starts_with("0-"))
        return Priority::first;
    return queue_file.starts_with("9-") ? Priority::last : Priority::normal;
}

std::optional<base::Timestamp> stamp_of(std::string_view queue_file) {
    if (priority_of(queue_file) != Priority::normal)
        queue_file.remove_prefix(2);
    std::tm parts{};
    const std::string text(queue_file.substr(0, 15));
    const char* end = strptime(text.c_str(), "%Y%m%d-%H%M%S", &parts);
    if (text.size() != 15 || end == nullptr || *end != '\0' || queue_file.substr(15, 1) != ".")
        return std::nullopt;
    return base::Timestamp{timegm(&parts), 0};
}

Spool::Spool(ReadOnly /*tag*/, std::string path, const base::Clock& clock)
    : m_path(std::move(path)),
      m_clock(&clock),
      m_dir(open_if_there(m_path)),
      m_rejected(open_if_there(m_path + "/rejected")),
      m_held(open_if_there(m_path + "/held")) {}

Spool::Spool(const std::string& cluster_root, const base::Clock& clock)
    : Spool(ReadOnly{}, made_spool_directories(cluster_root), clock) {}

Spool Spool::open_existing(const std::string& cluster_root, const base::Clock& clock) {
    return {ReadOnly{}, cluster_root + "/.queue", clock};
}

std::vector<std::string> Spool::queue_files(const std::vector<Keyword>& keywords) const {
    return sorted_names(m_dir, m_path, [&](const std::string& name) {
        return is_queue_file(name) || has_own_prefix(name, keywords);
    });
}

std::vector<std::string> Spool::held_files() const {
    const std::vector<Keyword> all(std::begin(k_keywords), std::end(k_keywords));
    return sorted_names(m_held, m_path + "/held", [&](const std::string& name) {
        return is_queue_file(name) || has_own_prefix(name, all);
    });
}

std::vector<std::string> Spool::rejected_files() const {
    return sorted_names(m_rejected, m_path + "/rejected", is_queue_file);
}

std::string Spool::new_name(Priority priority) const {
    const char* prefix = priority == Priority::first ? "0-" : priority == Priority::last ? "9-" : "";
    return prefix + base::unique_name(*m_clock) + ".q";
}

QueueFileWriter Spool::new_file(Priority priority) const {
    return {m_dir.get(), new_name(priority)};
}

QueueFileWriter Spool::new_rejected_file() const {
    return {m_rejected.get(), new_name(Priority::normal)};
}

void Spool::clear_abandoned() const {
    base::clear_abandoned(m_dir.get(), m_path);
    base::clear_abandoned(m_rejected.get(), m_path + "/rejected");
}

QueueFileWriter::QueueFileWriter(int dir_fd, std::string name)
    : m_dir_fd(dir_fd),
      m_name(std::move(name)),
      m_file(dir_fd, m_name, k_file_mode) {
    base::set_mode(m_file.fd(), k_file_mode, m_name); // whatever the umask of an FTP server's hook is
}

void QueueFileWriter::add(const JobRecord& job) {
    add_raw(format_job(job));
}

void QueueFileWriter::add_comment(std::string_view text) {
    add_raw("# " + base::printable(text));
}

void QueueFileWriter::add_raw(std::string_view line) {
    m_file.append(line);
    m_file.append("\n");
}

void QueueFileWriter::add_raw_from(int fd, std::uint64_t offset, std::uint64_t length,
                                   std::string_view path_for_errors) {
    std::string block(65536, '\0');
    while (length > 0) {
        const std::size_t got = base::read_some_at(
            fd, block.data(), std::min<std::uint64_t>(length, block.size()), offset, path_for_errors);
        if (got == 0)
            break;
        m_file.append(std::string_view(block).substr(0, got));
        offset += got;
        length -= got;
    }
    m_file.append("\n");
}

void QueueFileWriter::commit() {
    m_file.sync();
    // The name is this process's own and never given twice, yet nothing that stands there is ever replaced.
    base::ensure(m_file.rename_to(m_dir_fd, m_name, base::Replace::no), "a new queue file's name is free");
    base::sync_directory(m_dir_fd, m_name);
}

} // namespace nodespool::queue
