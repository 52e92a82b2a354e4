// MKDIR, from below upwards where it has to be.
#include "node/sftp_directories.hpp"

#include "base/path_name.hpp"
#include "node/sftp_errors.hpp"

namespace nodespool::node {

namespace {

constexpr std::size_t k_most_known = 100000;

void ask_to_make(SftpConnection& connection, const std::string& path, SftpConnection::Answer answer) {
    connection.send(
        SftpType::mkdir,
        [&](SftpOutput& fields) { fields.string(path).u32(0); }, // no attributes: as its umask says
        std::move(answer));
}

} // namespace

void SftpDirectories::prepare(const std::string& directory) {
    if (m_known.size() > k_most_known)
        m_known.clear();
    if (directory.empty() || !m_expect_missing || m_known.contains(directory) ||
        m_waiting.contains(directory))
        return;
    prepare(std::string(base::parent_of(directory)));
    m_known.insert(directory); // once is enough
    ask_to_make(m_connection, sftp_path(m_root, directory),
                [this](SftpReply& reply) { m_expect_missing = reply.status().code == SftpStatus::ok; });
}

void SftpDirectories::forget() {
    m_known.clear();
    m_waiting.clear();
    m_expect_missing = false;
}

void SftpDirectories::look_for_root(Then then) {
    const std::string path = sftp_path(m_root, "");
    m_connection.send_string(SftpType::stat, path, [this, then = std::move(then)](SftpReply& reply) {
        const std::string missing = "the node's directory " + (m_root.empty() ? "of the login" : m_root) +
                                    " is not there (is it mounted?)";
        if (reply.is_or_status(SftpType::attributes)) {
            const std::optional<base::FileType> type = reply.fields.attributes().type;
            if (type && *type != base::FileType::directory)
                then(SftpTrouble{Failure::node_down, missing});
            else
                then(std::nullopt);
            return;
        }
        SftpTrouble trouble = trouble_of(reply.status(), m_connection);
        if (trouble.failure == Failure::permanent)
            trouble = {Failure::node_down, missing + ": " + trouble.text};
        then(trouble);
    });
}

void SftpDirectories::make(const std::string& directory, Then then) {
    m_expect_missing = true;
    if (directory.empty()) {
        look_for_root(std::move(then));
        return;
    }
    std::vector<Then>& waiting = m_waiting[directory];
    waiting.push_back(std::move(then));
    if (waiting.size() > 1)
        return;
    m_known.erase(directory);
    make_one(directory, Parents::unknown);
}

void SftpDirectories::make_one(const std::string& directory, Parents parents) {
    ask_to_make(m_connection, sftp_path(m_root, directory), [this, directory, parents](SftpReply& reply) {
        const SftpReply::Status status = reply.status();
        if (status.code == SftpStatus::ok) {
            settle(directory, std::nullopt);
        } else if (status.code != SftpStatus::no_such_file) {
            look_for(directory, trouble_of(status, m_connection));
        } else if (parents == Parents::made) {
            settle(directory,
                   SftpTrouble{Failure::temporary, "the directory above " + base::printable(directory) +
                                                       " went away while it was being made"});
        } else {
            make(std::string(base::parent_of(directory)),
                 [this, directory](const std::optional<SftpTrouble>& trouble) {
                     if (trouble)
                         settle(directory, trouble);
                     else
                         make_one(directory, Parents::made);
                 });
        }
    });
}

void SftpDirectories::look_for(const std::string& directory, const SftpTrouble& why_not_made) {
    const std::string path = sftp_path(m_root, directory);
    m_connection.send_string(SftpType::stat, path, [this, directory, why_not_made](SftpReply& reply) {
        const std::string what = "the directory " + base::printable(directory);
        if (!reply.is_or_status(SftpType::attributes)) {
            settle(directory,
                   SftpTrouble{why_not_made.failure, "cannot make " + what + ": " + why_not_made.text});
            return;
        }
        const std::optional<base::FileType> type = reply.fields.attributes().type;
        if (type && *type != base::FileType::directory)
            settle(directory, SftpTrouble{Failure::permanent, "in the place of " + what + " is a file"});
        else
            settle(directory, std::nullopt);
    });
}

void SftpDirectories::settle(const std::string& directory, const std::optional<SftpTrouble>& trouble) {
    if (!trouble)
        m_known.insert(directory);
    const auto waiting = m_waiting.extract(directory);
    if (waiting.empty())
        return;
    for (const Then& then : waiting.mapped())
        then(trouble);
}

} // namespace nodespool::node
