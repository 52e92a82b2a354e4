// The directories of an SFTP node: which of them are there, and making those that are not.
#pragma once

#include "node/sftp_connection.hpp"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace nodespool::node {

/// Names are relative to the node's root, which is never made. A new directory costs one request, and none
/// where it is known.
class SftpDirectories {
  public:
    /// nullopt: the directory is there.
    using Then = std::function<void(std::optional<SftpTrouble>)>;

    /// @param root  as in the node's URL; both outlive this object
    SftpDirectories(const std::string& root, SftpConnection& connection)
        : m_root(root),
          m_connection(connection) {}

    /// Before a file is opened in it: sends what would make @p directory along with that, where it is unknown
    /// and directories were missing lately. Whether it was needed, and did, the file's own request tells.
    void prepare(const std::string& directory);
    /// A file was opened in it.
    void is_there(const std::string& directory) { m_known.insert(directory); }
    /// A file could not be opened because something was not there: makes @p directory and those above it, and
    /// calls @p then when it is certain that it is there, or why it is not. "" is the root: it is looked for.
    void make(const std::string& directory, Then then);
    /// Looks whether the node's root is there.
    void look_for_root(Then then);
    /// Nothing is known any more, and who waits is not told: the connection is a new one.
    void forget();

  private:
    enum class Parents { unknown, made };
    void make_one(const std::string& directory, Parents parents);
    void look_for(const std::string& directory, const SftpTrouble& why_not_made);
    void settle(const std::string& directory, const std::optional<SftpTrouble>& trouble);

    const std::string& m_root;
    SftpConnection& m_connection;
    std::unordered_set<std::string> m_known;
    std::unordered_map<std::string, std::vector<Then>> m_waiting; ///< for directories that are being made
    bool m_expect_missing = false;
};

} // namespace nodespool::node
