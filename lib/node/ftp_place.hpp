// What an upload needs before its STOR: nothing left over in its place, its directories, and a port for its
// data.
#pragma once

#include "node/ftp_connection.hpp"
#include "node/ftp_files.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nodespool::node {

/// Asked for with commands that go out together, maybe while other replies are owed; taken when it is their
/// turn. One at a time.
class FtpPlace {
  public:
    FtpPlace(FtpFiles& files, FtpConnection& connection) : m_files(files), m_connection(connection) {}

    /// Of the file, by an attempt before that came to nothing.
    enum class Leftover { none, possible };
    /// Queues the commands: DELE of what is left over, MKD of directories that are expected to be missing,
    /// and the question for the port.
    void ask(const std::string& name, Leftover leftover);
    [[nodiscard]] bool is_asked() const { return m_is_asked; }
    /// The data connection. @throws FtpRefused, FtpLost
    std::unique_ptr<Stream> take();
    /// Where other exchanges come first: it is asked for again.
    void take_unused();
    /// The connection is gone, and with it what was asked.
    void forget();

  private:
    FtpFiles& m_files;
    FtpConnection& m_connection;
    std::string m_directory; ///< of the file
    bool m_is_asked = false;
    bool m_asked_deletion = false;
    std::vector<std::string> m_making; ///< directories asked to be made
};

} // namespace nodespool::node
