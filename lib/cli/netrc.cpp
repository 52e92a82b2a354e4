// A reader of netrc files.
#include "cli/netrc.hpp"

#include <algorithm>
#include <optional>

namespace nodespool::cli {

namespace {

constexpr std::string_view k_between = " \t\r\n";
constexpr const char* k_keywords = "machine, default, login, password, account or macdef";

class Reader {
  public:
    explicit Reader(std::string_view text) : m_rest(text) {}

    [[nodiscard]] unsigned line() const { return m_line; }

    /// The next word, quoted or not; nullopt at the end.
    std::optional<std::string> word() {
        skip(std::min(m_rest.find_first_not_of(k_between), m_rest.size()));
        if (m_rest.empty())
            return std::nullopt;
        if (m_rest.front() == '"')
            return quoted_word();
        const std::size_t end = std::min(m_rest.find_first_of(k_between), m_rest.size());
        std::string text(m_rest.substr(0, end));
        skip(end);
        return text;
    }

    /// What follows a keyword.
    std::string value_of(std::string_view keyword) {
        const unsigned line_of_keyword = m_line;
        if (auto value = word())
            return std::move(*value);
        throw NetrcError{line_of_keyword, "'" + std::string(keyword) + "' and nothing after it", "a value"};
    }

    void skip_line() { skip(std::min(m_rest.find('\n'), m_rest.size())); }

    /// To the empty line that ends a macro, or to the end.
    void skip_macro() {
        skip_line();
        while (!m_rest.empty()) {
            skip(1); // the newline
            const std::size_t end = std::min(m_rest.find('\n'), m_rest.size());
            const std::string_view line = m_rest.substr(0, end);
            if (line.empty() || line == "\r")
                return;
            skip(end);
        }
    }

  private:
    void skip(std::size_t bytes) {
        m_line += static_cast<unsigned>(
            std::count(m_rest.begin(), m_rest.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
        m_rest.remove_prefix(bytes);
    }

    std::string quoted_word() {
        const unsigned line_of_quote = m_line;
        std::string text;
        for (std::size_t at = 1; at < m_rest.size(); ++at) {
            char byte = m_rest[at];
            if (byte == '"') {
                skip(at + 1);
                return text;
            }
            if (byte == '\n')
                break;
            if (byte == '\\' && ++at < m_rest.size())
                byte = unescaped(m_rest[at]);
            text += byte;
        }
        throw NetrcError{line_of_quote, "a '\"' without an end on its line", "a closing '\"'"};
    }

    static char unescaped(char byte) {
        switch (byte) {
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return byte;
        }
    }

    std::string_view m_rest;
    unsigned m_line = 1;
};

} // namespace

std::vector<NetrcEntry> parse_netrc(std::string_view text) {
    Reader reader(text);
    std::vector<NetrcEntry> entries;
    while (const std::optional<std::string> keyword = reader.word()) {
        const unsigned line = reader.line();
        if (keyword->starts_with('#')) {
            reader.skip_line();
        } else if (*keyword == "macdef") {
            reader.skip_macro();
        } else if (*keyword == "machine") {
            std::string machine = reader.value_of(*keyword);
            if (machine.empty())
                throw NetrcError{line, "a machine without a name", "a host"};
            entries.push_back({line, std::move(machine), "", ""});
        } else if (*keyword == "default") {
            entries.push_back({line, "", "", ""});
        } else if (*keyword != "login" && *keyword != "password" && *keyword != "account") {
            throw NetrcError{line, "a word that is no keyword", k_keywords}; // it may be half of a password
        } else if (entries.empty()) {
            throw NetrcError{line, "'" + *keyword + "' before any machine", "machine or default"};
        } else {
            std::string value = reader.value_of(*keyword);
            if (*keyword == "login")
                entries.back().login = std::move(value);
            else if (*keyword == "password")
                entries.back().password = std::move(value);
        }
    }
    return entries;
}

} // namespace nodespool::cli
