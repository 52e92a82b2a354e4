// Lists everything below the root of an SFTP node.
#pragma once

#include "base/record_stack.hpp"
#include "node/sftp_connection.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace nodespool::node {

/// OPENDIR and READDIR, several directories at a time. A list counts only where the server proved that it
/// could read the directory, by an entry and be it ".": OpenSSH leaves out what it may not look at.
class SftpLister {
  public:
    /// All outlive this object. The connection is open.
    SftpLister(const std::string& node, const std::string& root, SftpConnection& connection,
               const ListVisitor& visit)
        : m_node(node),
          m_root(root),
          m_connection(connection),
          m_visit(visit) {}

    /// @throws NodeError, SftpTrouble, Interrupted, and what @p visit throws: the connection is no more then
    void run();

  private:
    struct Directory;

    void begin(std::string name);
    void on_opened(const std::shared_ptr<Directory>& directory, SftpReply& reply);
    void ask_for_entries(const std::shared_ptr<Directory>& directory);
    void on_entries(const std::shared_ptr<Directory>& directory, SftpReply& reply);
    void on_end(Directory& directory);
    void take_entry(Directory& directory, std::string_view name, const SftpAttributes& attributes);
    [[noreturn]] void fail(Failure failure, const std::string& directory, const std::string& why) const;

    const std::string& m_node;
    const std::string& m_root;
    SftpConnection& m_connection;
    const ListVisitor& m_visit;
    base::RecordStack m_names; ///< directories still to be listed
    std::size_t m_under_way = 0;
};

} // namespace nodespool::node
