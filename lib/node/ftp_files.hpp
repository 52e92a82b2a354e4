// Names below an FTP node's root: their paths, whether they are there, and the directories that they need.
#pragma once

#include "node/ftp_action.hpp"
#include "node/ftp_connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::node {

/// Each call is a whole exchange, or several: no reply may be owed when it is made.
class FtpFiles {
  public:
    /// @param root  as in the URL: below the login directory, or absolute. @p connection outlives this
    /// object.
    FtpFiles(std::string node, std::string root, FtpConnection& connection);

    struct Found {
        std::optional<std::uint64_t> size_bytes; ///< nullopt: it is there, the server does not say how big
    };

    [[nodiscard]] const std::string& node() const { return m_node; }
    [[nodiscard]] const std::string& root() const { return m_root; }
    /// As the server reads it.
    [[nodiscard]] std::string path_of(const std::string& name) const;
    /// Directories above @p name, from the top. Only below the node's root: where that is missing, a disk is
    /// not mounted.
    [[nodiscard]] static std::vector<std::string> parents_of(const std::string& name);
    /// Makes them. Why the last one was refused, for the message of what fails next; empty where it was not.
    std::string make_parents(const std::string& name, const FtpAction& action);
    /// Looks for @p name in listings, from its directory upwards. nullopt: it is absent for certain.
    std::optional<Found> look(const std::string& name, const FtpAction& action);
    /// A deletion was refused, which means "not there" and "not allowed" alike. Returns where it is not
    /// there.
    void require_absence(const std::string& name, const FtpReply& refusal, const FtpAction& action);
    /// Fails where @p size_reply, the answer to SIZE, does not prove that @p sent_bytes are there.
    void verify(const std::string& name, std::uint64_t sent_bytes, const FtpReply& size_reply,
                const FtpAction& action);
    /// Fails with node_down where the root cannot be entered.
    void require_root(const FtpAction& action);

  private:
    std::string m_node;
    std::string m_root;
    FtpConnection& m_connection;
};

} // namespace nodespool::node
