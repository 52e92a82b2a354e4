// Big-endian numbers and counted strings, checked at every step.
#include "node/sftp_packets.hpp"

#include <algorithm>
#include <cstring>

namespace nodespool::node {

namespace {

constexpr std::size_t k_length_bytes = 4;
constexpr std::size_t k_input_bytes = 2 * SftpInput::k_longest_packet;

constexpr std::uint32_t k_has_size = 0x1;
constexpr std::uint32_t k_has_owner = 0x2;
constexpr std::uint32_t k_has_permissions = 0x4;
constexpr std::uint32_t k_has_times = 0x8;
constexpr std::uint32_t k_has_extensions = 0x80000000;

template <typename Number>
Number number_from(std::string_view bytes) {
    Number number = 0;
    for (const char byte : bytes)
        number = static_cast<Number>(number << 8U) | static_cast<unsigned char>(byte);
    return number;
}

template <typename Number>
void put_number(char* into, Number number) {
    for (std::size_t i = sizeof number; i-- > 0; number = static_cast<Number>(number >> 8U))
        into[i] = static_cast<char>(number & 0xFFU);
}

/// nullopt: the server sends the rights only.
std::optional<base::FileType> type_from(std::uint32_t permissions) {
    switch (permissions & 0170000U) { // as stat(2) has them; the same on every server
    case 0:
        return std::nullopt;
    case 0100000U:
        return base::FileType::regular;
    case 0040000U:
        return base::FileType::directory;
    case 0120000U:
        return base::FileType::symlink;
    default:
        return base::FileType::other;
    }
}

} // namespace

std::string_view SftpFields::take(std::size_t count) {
    if (count > m_rest.size())
        throw BadPacket("found a packet that ends " + std::to_string(m_rest.size()) + " bytes on, expected " +
                        std::to_string(count) + " more");
    const std::string_view taken = m_rest.substr(0, count);
    m_rest.remove_prefix(count);
    return taken;
}

std::uint8_t SftpFields::u8() {
    return number_from<std::uint8_t>(take(1));
}

std::uint32_t SftpFields::u32() {
    return number_from<std::uint32_t>(take(4));
}

std::uint64_t SftpFields::u64() {
    return number_from<std::uint64_t>(take(8));
}

std::string_view SftpFields::string() {
    return take(u32());
}

SftpAttributes SftpFields::attributes() {
    SftpAttributes attributes;
    const std::uint32_t flags = u32();
    if ((flags & k_has_size) != 0)
        attributes.size_bytes = u64();
    if ((flags & k_has_owner) != 0)
        take(8);
    if ((flags & k_has_permissions) != 0)
        attributes.type = type_from(u32());
    if ((flags & k_has_times) != 0) {
        take(4); // of the last access
        attributes.mtime_s = u32();
    }
    if ((flags & k_has_extensions) != 0)
        for (std::uint32_t left = u32(); left > 0; --left) {
            string();
            string();
        }
    return attributes;
}

char* SftpOutput::grow(std::size_t count) {
    if (m_end + count > m_bytes.size() && m_begin > 0) {
        std::memmove(m_bytes.data(), m_bytes.data() + m_begin, m_end - m_begin);
        m_end -= m_begin;
        m_packet -= m_begin;
        m_begin = 0;
    }
    if (m_end + count > m_bytes.size())
        m_bytes.resize(std::max(m_end + count, 2 * m_bytes.size()));
    char* const added = m_bytes.data() + m_end;
    m_end += count;
    return added;
}

SftpOutput& SftpOutput::begin(SftpType type) {
    m_packet = m_end;
    *(grow(k_length_bytes + 1) + k_length_bytes) = static_cast<char>(type);
    return *this;
}

SftpOutput& SftpOutput::u32(std::uint32_t value) {
    put_number(grow(sizeof value), value);
    return *this;
}

SftpOutput& SftpOutput::u64(std::uint64_t value) {
    put_number(grow(sizeof value), value);
    return *this;
}

SftpOutput& SftpOutput::string(std::string_view bytes) {
    u32(static_cast<std::uint32_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), grow(bytes.size()));
    return *this;
}

std::span<char> SftpOutput::room_for_string(std::size_t longest) {
    char* const room = grow(k_length_bytes + longest) + k_length_bytes;
    m_string = static_cast<std::size_t>(room - m_bytes.data());
    return {room, longest};
}

void SftpOutput::fit_string(std::size_t size) {
    put_number(m_bytes.data() + m_string - k_length_bytes, static_cast<std::uint32_t>(size));
    m_end = m_string + size;
}

void SftpOutput::end() {
    put_number(m_bytes.data() + m_packet, static_cast<std::uint32_t>(m_end - m_packet - k_length_bytes));
}

void SftpOutput::written(std::size_t count) {
    m_begin += count;
    if (m_begin == m_end)
        clear();
}

std::span<char> SftpInput::room() {
    m_bytes.resize(k_input_bytes);
    if (m_begin == m_end) {
        m_begin = m_end = 0;
    } else if (m_bytes.size() - m_end < SftpInput::k_longest_packet / 2) {
        std::memmove(m_bytes.data(), m_bytes.data() + m_begin, m_end - m_begin);
        m_end -= m_begin;
        m_begin = 0;
    }
    return {m_bytes.data() + m_end, m_bytes.size() - m_end};
}

std::optional<std::string_view> SftpInput::next() {
    const std::string_view bytes(m_bytes.data() + m_begin, m_end - m_begin);
    if (bytes.size() < k_length_bytes)
        return std::nullopt;
    const auto length = number_from<std::uint32_t>(bytes.substr(0, k_length_bytes));
    if (length == 0 || length > k_longest_packet)
        throw BadPacket("found a packet of " + std::to_string(length) + " bytes, expected 1 to " +
                        std::to_string(k_longest_packet));
    if (bytes.size() - k_length_bytes < length)
        return std::nullopt;
    m_begin += k_length_bytes + length;
    return bytes.substr(k_length_bytes, length);
}

} // namespace nodespool::node
