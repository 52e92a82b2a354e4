// Reading and writing link files.
#include "catalog/link.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nodespool::catalog {

namespace {

class LinkParser {
  public:
    LinkParser(std::string_view text, const std::string& file) : m_text(text), m_file(file) {}

    Link parse() {
        if (m_text.empty())
            fail("an empty file", "PATH SIZE OWNER MTIME");
        while (!m_text.empty()) {
            const std::size_t newline = m_text.find('\n');
            const std::string_view line = m_text.substr(0, newline);
            m_text.remove_prefix(newline == m_text.npos ? m_text.size() : newline + 1);
            ++m_line;
            if (m_line == 1)
                read_first(line);
            else
                read_line(line);
        }
        return std::move(m_link);
    }

  private:
    [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
        throw base::Error(
            base::ErrorClass::bad_input,
            fmt::format("{}:{}: found {}, expected {}", m_file, m_line == 0 ? 1 : m_line, found, expected));
    }

    static std::string shown(std::string_view text) { return "'" + base::printable(text) + "'"; }

    static std::string_view take_word(std::string_view& line) {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
        const std::string_view word = line.substr(0, end);
        line.remove_prefix(end);
        return word;
    }

    template <typename Number>
    Number number(std::string_view word, const std::string& expected) const {
        Number value = 0;
        const auto [stopped, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (word.empty() || error != std::errc{} || stopped != word.data() + word.size())
            fail(word.empty() ? "the end of the line" : shown(word), expected);
        return value;
    }

    std::string name(std::string_view word, const std::string& expected) const {
        try {
            std::string raw = base::decode_name(word);
            if (raw.empty())
                fail("the end of the line", expected);
            return raw;
        } catch (const base::NameError& error) {
            fail(error.found + " in a name", error.expected);
        }
    }

    void read_first(std::string_view line) {
        m_link.path = name(take_word(line), "PATH");
        m_link.size_bytes = number<std::uint64_t>(take_word(line), "SIZE in bytes");
        m_link.owner_uid = number<std::uint32_t>(take_word(line), "OWNER as a number");
        const std::string_view time = take_word(line);
        const std::optional<base::WrittenTime> mtime = base::parse_time(time);
        if (!mtime)
            fail(shown(time), "MTIME as SECONDS[.FRACTION]");
        m_link.mtime = *mtime;
        expect_end(line);
    }

    /// More words than this version knows would get lost when the link is written again.
    void expect_end(std::string_view line) const {
        if (const std::string_view word = take_word(line); !word.empty())
            fail(shown(word), "the end of the line");
    }

    void expect_first(bool is_first, std::string_view word) const {
        if (!is_first)
            fail("a second line '" + std::string(word) + "'", "one");
    }

    Copy read_copy(std::string_view line) const {
        Copy copy;
        copy.node = take_word(line);
        if (!base::is_node_name(copy.node))
            fail(copy.node.empty() ? "the end of the line" : shown(copy.node), "NODE NAME");
        copy.name = name(take_word(line), "NAME");
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        copy.rest = line;
        return copy;
    }

    void read_checksum(std::string_view rest) {
        expect_first(m_link.checksum.empty(), "checksum");
        m_link.checksum = take_word(rest);
        if (m_link.checksum.empty() || base::printable(m_link.checksum) != m_link.checksum)
            fail(m_link.checksum.empty() ? "the end of the line" : shown(m_link.checksum), "KIND:HEX");
        expect_end(rest);
    }

    void read_copies(std::string_view rest) {
        expect_first(!m_has_copies, "copies");
        m_has_copies = true;
        m_link.copies = number<unsigned>(take_word(rest), "a number of copies");
        expect_end(rest);
    }

    void read_line(std::string_view line) {
        std::string_view rest = line;
        const std::string_view word = take_word(rest);
        if (word == "server")
            m_link.servers.push_back(read_copy(rest));
        else if (word == "gone")
            m_link.gone.push_back(read_copy(rest));
        else if (word == "checksum")
            read_checksum(rest);
        else if (word == "copies")
            read_copies(rest);
        else
            m_link.other_lines.emplace_back(line);
    }

    std::string_view m_text;
    const std::string& m_file;
    std::size_t m_line = 0;
    bool m_has_copies = false;
    Link m_link;
};

void append_copy(std::string& text, std::string_view word, const Copy& copy) {
    text += fmt::format("{} {} {}{}{}\n", word, copy.node, base::encode_name(copy.name),
                        copy.rest.empty() ? "" : " ", copy.rest);
}

} // namespace

bool Link::has_copy(const Copy& copy) const {
    return std::any_of(servers.begin(), servers.end(),
                       [&](const Copy& own) { return own.is_same_place(copy); });
}

Link parse_link(std::string_view text, const std::string& file_for_errors) {
    return LinkParser(text, file_for_errors).parse();
}

Link read_link(int fd, const std::string& file_for_errors) {
    constexpr std::size_t k_max_link_bytes = 16U << 20U;
    return parse_link(base::read_whole(fd, k_max_link_bytes, file_for_errors), file_for_errors);
}

std::string format_link(const Link& link) {
    std::string text = fmt::format("{} {} {} {}\n", base::encode_name(link.path), link.size_bytes,
                                   link.owner_uid, base::format_time(link.mtime));
    if (!link.checksum.empty())
        text += "checksum " + link.checksum + '\n';
    for (const Copy& copy : link.servers)
        append_copy(text, "server", copy);
    for (const Copy& copy : link.gone)
        append_copy(text, "gone", copy);
    if (link.copies > 0)
        text += fmt::format("copies {}\n", link.copies);
    for (const std::string& line : link.other_lines)
        text += line + '\n';
    return text;
}

} // namespace nodespool::catalog
