// Reads listings line by line.
#include "node/ftp_listing.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace nodespool::node {

namespace {

/// Takes the next blank-separated word off @p line, and the blanks after it.
std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
    return word;
}

template <typename Visit>
void for_each_line(std::string_view text, Visit&& visit) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!line.empty() && !line.starts_with("total "))
            visit(line);
    }
}

} // namespace

LsEntry parse_ls_line(std::string_view line) {
    const LsEntry unknown{'?', 0, line};
    std::string_view rest = line;
    const std::string_view mode = take_word(rest);
    if (mode.size() < 10 || std::string_view("-dlbcps").find(mode.front()) == std::string_view::npos)
        return unknown;
    take_word(rest); // links
    take_word(rest); // user
    take_word(rest); // group
    const std::string_view size = take_word(rest);
    LsEntry entry{mode.front(), 0, {}};
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), entry.size_bytes);
    if (error != std::errc() || end != size.data() + size.size())
        return unknown;
    const std::string_view month = take_word(rest);
    const std::string_view day = take_word(rest);
    const std::size_t before_name = rest.find(' '); // after the hour or year
    if (month.size() < 3 || day.empty() || before_name == std::string_view::npos)
        return unknown;
    entry.name = rest.substr(before_name + 1);
    if (rest.find_first_of("0123456789") >= before_name || entry.name.empty())
        return unknown;
    if (entry.type == 'l')
        entry.name = entry.name.substr(0, entry.name.find(" -> "));
    return entry;
}

bool says_cut_off(std::string_view reply) {
    std::string lower(reply);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
    return lower.find("truncat") != std::string::npos; // pure-ftpd: "226-Output truncated to 10000 matches"
}

FtpListing::FtpListing(std::string text, std::string_view reply)
    : m_text(std::move(text)),
      m_is_cut_off(says_cut_off(reply)) {}

bool FtpListing::may_hold(std::string_view name) const {
    bool found = false;
    for_each_line(m_text, [&](std::string_view line) {
        const LsEntry entry = parse_ls_line(line);
        found =
            found || entry.name == name || (entry.type == '?' && line.find(name) != std::string_view::npos);
    });
    return found;
}

std::optional<std::uint64_t> FtpListing::size_of(std::string_view name) const {
    std::optional<std::uint64_t> size;
    for_each_line(m_text, [&](std::string_view line) {
        if (const LsEntry entry = parse_ls_line(line); entry.type == '-' && entry.name == name)
            size = entry.size_bytes;
    });
    return size;
}

bool FtpListing::would_show(std::string_view name) const {
    // A server answers 226 and nothing also where it cannot read the directory. An entry, and be it ".",
    // proves that it can.
    bool has_entry = false;
    bool has_dot = false;
    for_each_line(m_text, [&](std::string_view line) {
        const LsEntry entry = parse_ls_line(line);
        has_entry = has_entry || entry.type != '?';
        has_dot = has_dot || entry.name == ".";
    });
    return has_entry && !m_is_cut_off && (has_dot || !name.starts_with('.'));
}

} // namespace nodespool::node
