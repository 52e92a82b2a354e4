// Splitting of INI files. Boost's own reader cuts values at any `#` and knows no line numbers.
#include "cli/config_lines.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::cli {

namespace {

constexpr std::string_view k_blanks = " \t";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(k_blanks);
    if (first == text.npos)
        return {};
    return text.substr(first, text.find_last_not_of(k_blanks) - first + 1);
}

/// The next line of @p rest, without its end, taken off the front.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

/// One file on its way from text to sections.
class Splitter {
  public:
    explicit Splitter(const std::string& file) : m_file(file) {}

    void take(std::string_view line) {
        ++m_line;
        check_bytes(line);
        line = trimmed(line);
        if (line.empty() || line.front() == '#' || line.front() == ';')
            return;
        if (line.front() == '[')
            take_section(line);
        else
            take_entry(line);
    }

    std::vector<ConfigSection> finish() { return std::move(m_sections); }

  private:
    [[noreturn]] void refuse(const std::string& found, const std::string& expected) const {
        throw_config_error(m_file, m_line, found, expected);
    }

    void check_bytes(std::string_view line) const {
        for (const char c : line) {
            const auto byte = static_cast<unsigned char>(c);
            if ((byte < 0x20 && c != '\t') || byte == 0x7F)
                refuse(fmt::format("the control byte 0x{:02X}", byte), "plain text");
        }
    }

    void take_section(std::string_view line) {
        if (line.back() != ']')
            refuse("a section without ']' at its end", "[cluster] or [node.NAME]");
        const std::string name(trimmed(line.substr(1, line.size() - 2)));
        for (const ConfigSection& earlier : m_sections)
            if (earlier.name == name)
                refuse("section " + quoted_key(name) + " again",
                       fmt::format("one such section; the first is on line {}", earlier.line));
        m_sections.push_back({m_line, name, {}});
    }

    void take_entry(std::string_view line) {
        const std::size_t equals = line.find('=');
        // The line itself is not quoted: it may hold a URL with a password.
        if (equals == line.npos)
            refuse("a line without '='", "KEY = VALUE, [SECTION] or a comment");
        const std::string key(trimmed(line.substr(0, equals)));
        if (key.empty())
            refuse("nothing before '='", "a key");
        if (m_sections.empty())
            refuse("the key " + quoted_key(key) + " before any section", "[cluster] or [node.NAME] first");
        for (const ConfigEntry& earlier : m_sections.back().entries)
            if (earlier.key == key)
                refuse("the key " + quoted_key(key) + " again",
                       fmt::format("it once in a section; the first is on line {}", earlier.line));
        m_sections.back().entries.push_back({m_line, key, std::string(trimmed(line.substr(equals + 1)))});
    }

    const std::string& m_file;
    unsigned m_line = 0;
    std::vector<ConfigSection> m_sections;
};

} // namespace

void throw_config_error(const std::string& file, unsigned line, const std::string& found,
                        const std::string& expected) {
    throw base::Error(base::ErrorClass::config,
                      fmt::format("{}:{}: found {}, expected {}", file, line, found, expected));
}

std::string quoted_key(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const bool looks_like_a_key = text.size() <= 64 && text.find_first_not_of(plain) == text.npos;
    return looks_like_a_key ? "'" + std::string(text) + "'" : "(a name of other characters)";
}

std::vector<ConfigSection> split_config(const std::string& text, const std::string& file) {
    Splitter splitter(file);
    std::string_view rest = text;
    while (!rest.empty())
        splitter.take(take_line(rest));
    return splitter.finish();
}

} // namespace nodespool::cli
