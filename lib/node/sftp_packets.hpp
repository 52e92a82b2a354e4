// SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02): packets written, split and read.
#pragma once

#include "base/file_system.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// §3 of the draft; those that are used here.
enum class SftpType : std::uint8_t {
    init = 1,
    version = 2,
    open = 3,
    close = 4,
    read = 5,
    write = 6,
    lstat = 7,
    fstat = 8,
    opendir = 11,
    readdir = 12,
    remove = 13,
    mkdir = 14,
    stat = 17,
    status = 101,
    handle = 102,
    data = 103,
    name = 104,
    attributes = 105,
    extended = 200,
    extended_reply = 201
};

/// §7. A server may send others.
enum class SftpStatus : std::uint32_t {
    ok = 0,
    eof = 1,
    no_such_file = 2,
    permission_denied = 3,
    failure = 4,
    bad_message = 5,
    no_connection = 6,
    connection_lost = 7,
    unsupported = 8
};

/// §6.3, flags of SftpType::open.
constexpr std::uint32_t k_sftp_read = 0x01;
constexpr std::uint32_t k_sftp_write = 0x02;
constexpr std::uint32_t k_sftp_create = 0x08;
constexpr std::uint32_t k_sftp_exclusive = 0x20;

/// A server's packet that cannot be understood. what() says what was found and what was expected.
class BadPacket : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// §5, what is used of it. nullopt: the server does not tell.
struct SftpAttributes {
    std::optional<std::uint64_t> size_bytes;
    std::optional<base::FileType> type;
    std::optional<std::uint32_t> mtime_s;
};

/// Reads the fields of one packet in order; each throws BadPacket where the packet ends before it does.
class SftpFields {
  public:
    explicit SftpFields(std::string_view bytes) : m_rest(bytes) {}

    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    /// A view into the packet.
    std::string_view string();
    SftpAttributes attributes();
    [[nodiscard]] bool empty() const { return m_rest.empty(); }

  private:
    std::string_view take(std::size_t count);

    std::string_view m_rest;
};

/// Packets that go out, one behind the other, until they are written.
class SftpOutput {
  public:
    /// Between begin() and end(), the fields of one packet.
    SftpOutput& begin(SftpType type);
    SftpOutput& u32(std::uint32_t value);
    SftpOutput& u64(std::uint64_t value);
    SftpOutput& string(std::string_view bytes);
    /// A string of up to @p longest bytes that is filled in place; fit_string() says how many it became,
    /// before anything else is added.
    std::span<char> room_for_string(std::size_t longest);
    void fit_string(std::size_t size);
    void end();
    /// Takes back the packet that was begun.
    void cancel() { m_end = m_packet; }

    [[nodiscard]] std::string_view bytes() const { return {m_bytes.data() + m_begin, m_end - m_begin}; }
    void written(std::size_t count);
    void clear() { m_begin = m_end = m_packet = 0; }

  private:
    char* grow(std::size_t count);

    std::vector<char> m_bytes; ///< its size is room, not content
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::size_t m_packet = 0; ///< where the packet that was begun last begins
    std::size_t m_string = 0; ///< where the string that is being filled begins
};

/// Splits what comes in into packets.
class SftpInput {
  public:
    /// Longer packets come from no sane server: OpenSSH's are this long at most.
    static constexpr std::size_t k_longest_packet = 256 * 1024;

    /// Where the next bytes go, never empty; filled() says how many came. Views of packets end here.
    std::span<char> room();
    void filled(std::size_t count) { m_end += count; }
    /// The next packet without its length, at least one byte; nullopt where it has not all come yet.
    /// @throws BadPacket of a length that cannot be
    std::optional<std::string_view> next();
    [[nodiscard]] bool empty() const { return m_begin == m_end; }
    void clear() { m_begin = m_end = 0; }

  private:
    std::vector<char> m_bytes;
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
};

} // namespace nodespool::node
