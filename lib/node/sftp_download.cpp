// A window of READs.
#include "node/sftp_download.hpp"

#include "node/sftp_errors.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

/// Asked for and not come yet, or come before its turn.
constexpr std::size_t k_window_bytes = 4 * 1024 * 1024;
constexpr std::size_t k_most_pieces = 64;

} // namespace

void SftpDownload::run() {
    open();
    begin();
    ask_for_pieces();
    while (!m_pieces.empty() && !has_failed()) {
        m_connection.pump();
        hand_over();
        ask_for_pieces();
    }
    drain();
    close();
    if (m_thrown)
        std::rethrow_exception(m_thrown);
    if (m_trouble)
        throw *m_trouble;
}

void SftpDownload::drain() {
    while (m_owed > 0)
        m_connection.pump();
}

void SftpDownload::fail_by(const SftpReply::Status& status) {
    if (!m_trouble)
        m_trouble = trouble_of(status, m_connection);
}

void SftpDownload::open() {
    ++m_owed;
    m_connection.send(
        SftpType::open, [&](SftpOutput& fields) { fields.string(m_path).u32(k_sftp_read).u32(0); },
        [this](SftpReply& reply) {
            --m_owed;
            if (reply.is_or_status(SftpType::handle))
                m_handle = reply.fields.string();
            else
                fail_by(reply.status());
        });
    drain();
    if (m_trouble)
        throw *m_trouble;
}

void SftpDownload::begin() {
    m_owed += 2;
    m_connection.send_string(SftpType::fstat, m_handle, [this](SftpReply& reply) { on_measured(reply); });
    std::string head;
    m_connection.send(
        SftpType::read,
        [&](SftpOutput& fields) {
            fields.string(m_handle).u64(0).u32(static_cast<std::uint32_t>(m_connection.read_bytes()));
        },
        [&](SftpReply& reply) {
            --m_owed;
            if (reply.is_or_status(SftpType::data))
                head = reply.fields.string();
            else if (const SftpReply::Status status = reply.status(); status.code != SftpStatus::eof)
                fail_by(status);
        });
    drain();
    if (has_failed())
        return;
    if (head.size() > m_size) {
        m_trouble = {Failure::temporary, "it grew while it was read"};
        return;
    }
    m_asked = head.size();
    write(head);
}

void SftpDownload::on_measured(SftpReply& reply) {
    --m_owed;
    if (!reply.is_or_status(SftpType::attributes)) {
        fail_by(reply.status());
        return;
    }
    const SftpAttributes attributes = reply.fields.attributes();
    if (attributes.type && *attributes.type != base::FileType::regular)
        m_trouble = {Failure::permanent, "it is not a regular file"};
    else if (!attributes.size_bytes)
        m_trouble = {Failure::permanent, "the server does not tell its size"};
    else
        m_size = *attributes.size_bytes;
}

void SftpDownload::ask_for_pieces() {
    const std::size_t longest = m_connection.read_bytes();
    while (!has_failed() && m_asked < m_size && m_pieces.size() < k_most_pieces &&
           m_pieces.size() * longest < k_window_bytes) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(longest, m_size - m_asked));
        m_pieces.push_back({m_asked, size});
        m_asked += size;
        ask_for(m_pieces.back());
    }
}

void SftpDownload::ask_for(Piece& piece) {
    ++m_owed;
    const std::size_t has = piece.bytes.size();
    m_connection.send(
        SftpType::read,
        [&](SftpOutput& fields) {
            fields.string(m_handle).u64(piece.offset + has).u32(static_cast<std::uint32_t>(piece.size - has));
        },
        [this, &piece](SftpReply& reply) { on_piece(piece, reply); });
}

void SftpDownload::on_piece(Piece& piece, SftpReply& reply) {
    --m_owed;
    if (has_failed())
        return;
    if (reply.is_or_status(SftpType::data)) {
        take(piece, reply.fields.string());
        return;
    }
    const SftpReply::Status status = reply.status();
    if (status.code == SftpStatus::eof)
        m_trouble = {Failure::temporary, "it broke off after " +
                                             std::to_string(piece.offset + piece.bytes.size()) + " of " +
                                             std::to_string(m_size) + " bytes"};
    else
        fail_by(status);
}

void SftpDownload::take(Piece& piece, std::string_view bytes) {
    const std::size_t missing = piece.size - piece.bytes.size();
    if (bytes.empty() || bytes.size() > missing)
        throw BadPacket("found " + std::to_string(bytes.size()) + " bytes of a file, expected 1 to " +
                        std::to_string(missing));
    const bool is_whole = bytes.size() == missing;
    if (is_whole && piece.bytes.empty() && &piece == &m_pieces.front()) {
        m_pieces.pop_front();
        write(bytes); // straight from the packet
        return;
    }
    piece.bytes += bytes;
    piece.has_come = is_whole;
    if (!is_whole)
        ask_for(piece);
}

void SftpDownload::hand_over() {
    while (!has_failed() && !m_pieces.empty() && m_pieces.front().has_come) {
        const std::string bytes = std::move(m_pieces.front().bytes);
        m_pieces.pop_front();
        write(bytes);
    }
}

void SftpDownload::write(std::string_view bytes) {
    if (bytes.empty())
        return;
    try {
        m_sink.write(bytes);
        m_written += bytes.size();
    } catch (...) {
        m_thrown = std::current_exception();
    }
}

void SftpDownload::close() {
    // Nobody waits for the reply: what was read is here.
    m_connection.send_string(SftpType::close, m_handle, [](SftpReply&) {});
    if (!has_failed() && m_written != m_size)
        m_trouble = {Failure::temporary, "it broke off after " + std::to_string(m_written) + " of " +
                                             std::to_string(m_size) + " bytes"};
}

} // namespace nodespool::node
