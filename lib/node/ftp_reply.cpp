// Reads reply lines: codes, continuation lines, sizes, ports.
#include "node/ftp_reply.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace nodespool::node {

namespace {

// A banner may be long; what an operator needs of a reply is short.
constexpr std::size_t k_longest_text = 600;
constexpr std::size_t k_most_lines = 100;
constexpr std::size_t k_longest_line = 500;
constexpr std::size_t k_code_digits = 3;

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

bool begins_with_code(std::string_view line) {
    return line.size() >= k_code_digits && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
}

/// A whole text that is one number.
template <typename Number>
std::optional<Number> number_from(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return number;
}

std::optional<std::uint16_t> non_zero(std::optional<std::uint16_t> port) {
    return port && *port != 0 ? port : std::nullopt;
}

std::optional<std::uint16_t> extended_port_from(std::string_view text) {
    // Three delimiters, which may be any character, the port, and a fourth.
    const std::size_t open = text.rfind('(');
    if (open == std::string_view::npos || open + 4 >= text.size())
        return std::nullopt;
    const char delimiter = text[open + 1];
    const std::size_t end = text.find(delimiter, open + 4);
    if (text[open + 2] != delimiter || text[open + 3] != delimiter || end == std::string_view::npos)
        return std::nullopt;
    return non_zero(number_from<std::uint16_t>(text.substr(open + 4, end - open - 4)));
}

std::optional<std::uint16_t> old_port_from(std::string_view text) {
    // Six numbers; not all servers write the parentheses, so the first digit after the code begins them.
    const std::size_t begin = text.find_first_of("0123456789", k_code_digits);
    if (begin == std::string_view::npos)
        return std::nullopt;
    std::array<unsigned, 6> numbers{};
    const char* at = text.data() + begin;
    const char* const end = text.data() + text.size();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (i > 0 && (at == end || *at++ != ','))
            return std::nullopt;
        const auto [after, error] = std::from_chars(at, end, numbers[i]);
        if (error != std::errc() || numbers[i] > 255)
            return std::nullopt;
        at = after;
    }
    return non_zero(static_cast<std::uint16_t>(numbers[4] * 256 + numbers[5]));
}

} // namespace

std::optional<std::uint64_t> size_from(const FtpReply& reply) {
    if (reply.code != 213 || reply.text.size() < 5)
        return std::nullopt;
    std::string_view digits = std::string_view(reply.text).substr(k_code_digits + 1);
    while (digits.ends_with(' '))
        digits.remove_suffix(1);
    return number_from<std::uint64_t>(digits);
}

std::optional<std::uint16_t> port_from(const FtpReply& reply) {
    switch (reply.code) {
    case 229:
        return extended_port_from(reply.text);
    case 227:
        return old_port_from(reply.text);
    default:
        return std::nullopt;
    }
}

std::optional<std::string> directory_from(const FtpReply& reply) {
    std::size_t at = reply.text.find('"');
    if (reply.code != 257 || at == std::string::npos)
        return std::nullopt;
    std::string directory;
    for (++at; at < reply.text.size(); ++at) {
        if (reply.text[at] != '"')
            directory += reply.text[at];
        else if (reply.text.compare(at, 2, "\"\"") == 0)
            directory += reply.text[at++];
        else
            return directory.empty() ? std::nullopt : std::optional(directory);
    }
    return std::nullopt;
}

bool can_begin_reply(std::string_view start) {
    if (start.find_first_not_of("\r\n") == start.npos)
        return true;
    const std::size_t digits = std::min(start.size(), k_code_digits);
    const std::string_view rest = start.substr(digits);
    return start[0] >= '1' && start[0] <= '5' && // RFC 959 §4.2
           std::all_of(start.begin(), start.begin() + static_cast<std::ptrdiff_t>(digits), is_digit) &&
           (rest.find_first_not_of("\r\n") == rest.npos || rest.front() == ' ' || rest.front() == '-');
}

std::optional<FtpReply> FtpReplyReader::add_line(std::string_view line) {
    m_bytes += line.size();
    while (line.ends_with('\n') || line.ends_with('\r'))
        line.remove_suffix(1);
    const bool has_code = begins_with_code(line);
    if (!m_has_begun && !(has_code && can_begin_reply(line)))
        return std::nullopt;
    const std::string_view code = has_code ? line.substr(0, k_code_digits) : std::string_view();
    const bool is_last = has_code && (!m_has_begun || code == m_code) &&
                         (line.size() == k_code_digits || line[k_code_digits] == ' ');
    if (!m_has_begun)
        m_code = code;
    // "550-Quota exceeded" and "550 Sorry" read as "550 Quota exceeded Sorry".
    std::string_view text = line;
    if (has_code && line.size() > k_code_digits && (is_last || line[k_code_digits] == '-'))
        text.remove_prefix(k_code_digits + 1);
    else if (is_last)
        text = {};
    std::string& all = m_reply.text;
    if (all.size() < k_longest_text && !text.empty())
        (all += all.empty() ? "" : " ") += text.substr(0, k_longest_text);
    m_has_begun = !is_last;
    if (!is_last) {
        if (m_reply.lines_before.size() < k_most_lines)
            m_reply.lines_before.emplace_back(line.substr(0, k_longest_line));
        return std::nullopt;
    }
    m_reply.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    all.insert(0, std::string(code) + ' ');
    if (all.size() > k_longest_text)
        all.resize(k_longest_text);
    m_code.clear();
    m_bytes = 0;
    return std::exchange(m_reply, {});
}

} // namespace nodespool::node
