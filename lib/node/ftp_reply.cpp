// Reads reply lines: codes, continuation lines, sizes.
#include "node/ftp_reply.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace nodespool::node {

namespace {

// A banner may be long; what an operator needs of a reply is short.
constexpr std::size_t k_longest_text = 600;
constexpr std::size_t k_most_lines = 100;
constexpr std::size_t k_longest_line = 500;

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

bool begins_with_code(std::string_view line) {
    return line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
}

} // namespace

std::optional<std::uint64_t> size_from(const FtpReply& reply) {
    if (reply.code != 213 || reply.text.size() < 5)
        return std::nullopt;
    std::string_view digits = std::string_view(reply.text).substr(4);
    while (digits.ends_with(' '))
        digits.remove_suffix(1);
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (error != std::errc() || end != digits.data() + digits.size())
        return std::nullopt;
    return size;
}

void FtpReplies::clear() {
    m_replies.clear();
    m_open_text.clear();
    m_open_lines.clear();
}

void FtpReplies::add_line(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r'))
        line.remove_suffix(1);
    const bool is_last = begins_with_code(line) && line.size() > 3 && line[3] == ' ';
    // "550-Quota exceeded" and "550 Sorry" read as "550 Quota exceeded Sorry".
    std::string_view text = line;
    if (begins_with_code(line) && line.size() > 3 && (is_last ? !m_open_text.empty() : line[3] == '-'))
        text.remove_prefix(4);
    if (is_last && m_open_text.empty())
        m_open_text = text;
    else if (m_open_text.size() < k_longest_text)
        m_open_text += (m_open_text.empty() ? std::string(line.substr(0, 3)) + ' ' : " ") + std::string(text);
    if (!is_last) {
        if (m_open_lines.size() < k_most_lines)
            m_open_lines.emplace_back(line.substr(0, k_longest_line));
        return;
    }
    m_open_text.resize(std::min(m_open_text.size(), k_longest_text));
    m_replies.push_back({(line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'), m_open_text,
                         std::exchange(m_open_lines, {})});
    m_open_text.clear();
}

std::string FtpReplies::last_text() const {
    return m_replies.empty() ? std::string() : m_replies.back().text;
}

std::vector<FtpReply> FtpReplies::last(std::size_t count) const {
    return {m_replies.end() - static_cast<std::ptrdiff_t>(std::min(count, m_replies.size())),
            m_replies.end()};
}

bool FtpReplies::shows_login() const {
    // 230 may come as the greeting; else it, or another 2xx, answers USER or PASS.
    return std::any_of(m_replies.begin(), m_replies.end(),
                       [](const FtpReply& reply) { return reply.code == 230; }) ||
           (m_replies.size() > 1 && std::any_of(m_replies.begin() + 1, m_replies.end(),
                                                [](const FtpReply& reply) { return reply.is_success(); }));
}

} // namespace nodespool::node
