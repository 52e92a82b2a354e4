// The walk, and what makes a list certain.
#include "node/sftp_lister.hpp"

#include "base/path_name.hpp"
#include "node/remote_name.hpp"
#include "node/sftp_errors.hpp"

#include <memory>

namespace nodespool::node {

namespace {

constexpr std::size_t k_most_under_way = 16;
/// Requests for entries of one directory that are on their way: a large one is not listed at the pace of its
/// round trips.
constexpr unsigned k_most_asked = 4;
// Longer ones come from links that lead in a circle.
constexpr std::size_t k_longest_path = 4000;

std::string join(const std::string& directory, std::string_view name) {
    return directory.empty() ? std::string(name) : directory + '/' + std::string(name);
}

} // namespace

struct SftpLister::Directory {
    std::string name;
    std::string handle{};
    unsigned asked = 0;
    bool has_entry = false;
    bool has_ended = false;
};

void SftpLister::fail(Failure failure, const std::string& directory, const std::string& why) const {
    const std::string object = directory.empty() ? "the node's directory" : "directory " + directory;
    throw NodeError(failure, m_node, "cannot list " + base::printable(object) + ": " + why);
}

void SftpLister::run() {
    try {
        begin("");
        while (m_under_way > 0) {
            m_connection.pump();
            while (m_under_way < k_most_under_way && !m_names.empty())
                begin(*m_names.pop());
        }
    } catch (...) { // what is on its way speaks of this object
        m_connection.reset();
        throw;
    }
}

void SftpLister::begin(std::string name) {
    if (name.size() > k_longest_path)
        fail(Failure::permanent, name.substr(0, 100) + "...", "it lies too deep: do links lead in a circle?");
    ++m_under_way;
    const std::string path = sftp_path(m_root, name);
    const auto directory = std::make_shared<Directory>(Directory{std::move(name)});
    m_connection.send_string(SftpType::opendir, path,
                             [this, directory](SftpReply& reply) { on_opened(directory, reply); });
}

void SftpLister::on_opened(const std::shared_ptr<Directory>& directory, SftpReply& reply) {
    if (reply.is_or_status(SftpType::handle)) {
        directory->handle = reply.fields.string();
        while (directory->asked < k_most_asked)
            ask_for_entries(directory);
        return;
    }
    const SftpReply::Status status = reply.status();
    const SftpTrouble trouble = trouble_of(status, m_connection);
    if (directory->name.empty() && trouble.failure == Failure::permanent)
        fail(Failure::node_down, directory->name, "it cannot be entered (is it mounted?): " + trouble.text);
    if (status.code == SftpStatus::no_such_file)
        fail(Failure::temporary, directory->name, "it went away meanwhile: " + trouble.text);
    fail(trouble.failure, directory->name, trouble.text);
}

void SftpLister::ask_for_entries(const std::shared_ptr<Directory>& directory) {
    ++directory->asked;
    m_connection.send_string(SftpType::readdir, directory->handle,
                             [this, directory](SftpReply& reply) { on_entries(directory, reply); });
}

void SftpLister::on_entries(const std::shared_ptr<Directory>& directory, SftpReply& reply) {
    --directory->asked;
    if (reply.is_or_status(SftpType::name)) {
        for (std::uint32_t left = reply.fields.u32(); left > 0; --left) {
            const std::string_view name = reply.fields.string();
            reply.fields.string(); // as ls -l shows it, each server in its own way
            take_entry(*directory, name, reply.fields.attributes());
        }
        if (!directory->has_ended)
            ask_for_entries(directory);
    } else {
        const SftpReply::Status status = reply.status();
        if (status.code != SftpStatus::eof) {
            const SftpTrouble trouble = trouble_of(status, m_connection);
            fail(trouble.failure, directory->name, trouble.text);
        }
        directory->has_ended = true;
    }
    if (directory->has_ended && directory->asked == 0)
        on_end(*directory);
}

void SftpLister::on_end(Directory& directory) {
    m_connection.send_string(SftpType::close, directory.handle, [](SftpReply&) {});
    --m_under_way;
    if (!directory.has_entry)
        fail(Failure::permanent, directory.name,
             "the server lists nothing there, and does not show that it could read the directory");
    m_connection.heed_interrupt();
}

void SftpLister::take_entry(Directory& directory, std::string_view name, const SftpAttributes& attributes) {
    if (name.empty() || name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos)
        fail(Failure::permanent, directory.name,
             "found the name '" + base::printable(name) + "', which no entry of a directory can have");
    directory.has_entry = true;
    if (name == "." || name == "..")
        return;
    const std::string path = join(directory.name, name);
    if (!attributes.type)
        fail(Failure::permanent, directory.name,
             "the server does not tell whether " + base::printable(name) + " is a file");
    if (*attributes.type == base::FileType::directory && path != k_of_file_system)
        m_names.push(path);
    else if (*attributes.type == base::FileType::regular)
        m_visit({path, attributes.size_bytes,
                 attributes.mtime_s
                     ? std::optional(base::Timestamp{static_cast<std::int64_t>(*attributes.mtime_s), 0})
                     : std::nullopt});
}

} // namespace nodespool::node
