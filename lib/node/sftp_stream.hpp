// Many puts and removes at once over one SFTP connection.
#pragma once

#include "node/sftp_task.hpp"

#include <memory>
#include <vector>

namespace nodespool::node {

/// Works off a feed. Blocks of files that are being sent go out in turn, so that a large file holds up no
/// small one; what the server has not acknowledged is bounded, and so is memory.
class SftpStream {
  public:
    /// @param node, root, connection, directories  outlive this object
    SftpStream(const std::string& node, const std::string& root, SftpConnection& connection,
               SftpDirectories& directories, Feed& feed)
        : m_work{node, root, connection, directories},
          m_feed(feed) {}

    void run();

  private:
    void work_off();
    /// A task for it, which was not started yet; none where its name is refused: then it has ended.
    void admit(Request& request);
    void take_more();
    void send_blocks();
    void hand_back_done();
    void fail_all(const std::function<std::exception_ptr(const Request&)>& error_of);
    [[nodiscard]] std::size_t most_under_way() const;

    SftpWork m_work;
    Feed& m_feed;
    std::vector<std::unique_ptr<SftpTask>> m_tasks;
};

} // namespace nodespool::node
