// One file from an SFTP server into a sink.
#pragma once

#include "node/sftp_connection.hpp"

#include <deque>
#include <exception>
#include <string>
#include <string_view>

namespace nodespool::node {

/// OPEN, FSTAT and READs, many of them on their way; the sink gets the bytes in order.
class SftpDownload {
  public:
    /// All outlive this object. The connection is open.
    SftpDownload(SftpConnection& connection, std::string_view path, Sink& sink)
        : m_connection(connection),
          m_path(path),
          m_sink(sink) {}

    /// @throws SftpTrouble where it could not be opened or broke off; what the sink throws
    void run();

  private:
    /// A piece of the file that was asked for, in the order of the file.
    struct Piece {
        std::uint64_t offset = 0;
        std::size_t size = 0;
        std::string bytes{}; ///< that came before their turn
        bool has_come = false;
    };

    void open();
    /// Its size, and the first bytes along with it: of a small file, all.
    void begin();
    void on_measured(SftpReply& reply);
    void ask_for_pieces();
    void ask_for(Piece& piece);
    void on_piece(Piece& piece, SftpReply& reply);
    void take(Piece& piece, std::string_view bytes);
    void hand_over();
    void write(std::string_view bytes);
    void close();
    /// Waits for all replies that are owed to this object, so that none comes once it is gone.
    void drain();
    [[nodiscard]] bool has_failed() const { return m_trouble || m_thrown; }
    void fail_by(const SftpReply::Status& status);

    SftpConnection& m_connection;
    std::string_view m_path;
    Sink& m_sink;
    std::string m_handle;
    unsigned m_owed = 0;
    std::uint64_t m_size = 0;
    std::uint64_t m_asked = 0;   ///< bytes from the start that have been asked for
    std::uint64_t m_written = 0; ///< bytes that the sink has
    std::deque<Piece> m_pieces;  ///< references to its elements stay good
    std::optional<SftpTrouble> m_trouble;
    std::exception_ptr m_thrown;
};

} // namespace nodespool::node
