// Writing and reading findings.
#include "upkeep/audit_finding.hpp"

#include "base/path_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nodespool::upkeep {

namespace {

constexpr FindingKind k_kinds[] = {FindingKind::orphan,  FindingKind::missing,   FindingKind::size,
                                   FindingKind::content, FindingKind::too_few,   FindingKind::lost,
                                   FindingKind::gone,    FindingKind::unreadable};
constexpr std::string_view k_blanks = " \t\r";

class FindingParser {
  public:
    FindingParser(std::string_view line, const queue::LineOrigin& origin) : m_line(line), m_origin(origin) {}

    Finding parse() {
        Finding finding;
        finding.kind = kind();
        read_fields(finding);
        if (!take().empty())
            fail(shown(), "the end of the line");
        return finding;
    }

  private:
    void read_fields(Finding& finding) {
        switch (finding.kind) {
        case FindingKind::orphan:
            read_copy(finding);
            finding.size_bytes = number<std::uint64_t>("SIZE in bytes");
            break;
        case FindingKind::missing:
            read_copy(finding);
            finding.path = path();
            finding.size_bytes = number<std::uint64_t>("SIZE in bytes");
            break;
        case FindingKind::size:
            read_copy(finding);
            finding.path = path();
            finding.size_bytes = number<std::uint64_t>("EXPECTED size in bytes");
            finding.found_bytes = number<std::uint64_t>("FOUND size in bytes");
            break;
        case FindingKind::content:
            read_copy(finding);
            finding.path = path();
            finding.expected_checksum = checksum("EXPECTED checksum as KIND:HEX");
            finding.found_checksum = checksum("FOUND checksum as KIND:HEX");
            break;
        case FindingKind::too_few:
            read_version(finding);
            finding.have = number<unsigned>("HAVE as a number of copies");
            finding.wanted = number<unsigned>("WANTED as a number of copies");
            break;
        case FindingKind::lost:
            read_version(finding);
            break;
        case FindingKind::gone:
            read_copy(finding);
            finding.path = path();
            break;
        case FindingKind::unreadable:
            finding.path = path();
            finding.reason = rest();
            break;
        }
    }

    [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
        throw queue::JobError(m_origin, m_start + 1, found, expected);
    }

    [[nodiscard]] std::string shown() const {
        return m_word.empty() ? "the end of the line" : "'" + base::printable(m_word) + "'";
    }

    std::string_view take() {
        m_start = std::min(m_line.find_first_not_of(k_blanks, m_position), m_line.size());
        m_position = std::min(m_line.find_first_of(k_blanks, m_start), m_line.size());
        m_word = m_line.substr(m_start, m_position - m_start);
        return m_word;
    }

    std::string rest() {
        const std::size_t start = std::min(m_line.find_first_not_of(k_blanks, m_position), m_line.size());
        const std::size_t end = m_line.find_last_not_of(k_blanks) + 1;
        m_position = m_line.size();
        return std::string(m_line.substr(start, std::max(start, end) - start));
    }

    FindingKind kind() {
        const std::string_view word = take();
        for (const FindingKind kind : k_kinds)
            if (word == to_string(kind))
                return kind;
        fail(shown(), "orphan, missing, size, content, short, lost, gone or unreadable");
    }

    template <typename Number>
    Number number(const std::string& expected) {
        const std::string_view word = take();
        Number value = 0;
        const auto [stopped, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (word.empty() || error != std::errc{} || stopped != word.data() + word.size())
            fail(shown(), expected);
        return value;
    }

    std::string name(const std::string& expected) {
        try {
            std::string raw = base::decode_name(take());
            if (raw.empty())
                fail(shown(), expected);
            return raw;
        } catch (const base::NameError& error) {
            m_start += error.offset;
            fail(error.found, error.expected);
        }
    }

    void read_copy(Finding& finding) {
        finding.node = take();
        if (!base::is_node_name(finding.node))
            fail(shown(), "NODE, a node's name");
        finding.name = name("NAME, a name on the node");
    }

    std::string path() {
        std::string raw = name("FILE, a cluster path");
        if (const std::string why = base::why_not_a_cluster_path(raw); !why.empty())
            fail(why, "FILE, a cluster path");
        return raw;
    }

    void read_version(Finding& finding) {
        finding.path = path();
        finding.size_bytes = number<std::uint64_t>("SIZE in bytes");
        const auto time = base::parse_time(take());
        if (!time)
            fail(shown(), "MTIME as SECONDS[.FRACTION]");
        finding.mtime = *time;
    }

    std::string checksum(const std::string& expected) {
        const std::string_view word = take();
        if (word.find(':') == word.npos || base::printable(word) != word)
            fail(shown(), expected);
        return std::string(word);
    }

    std::string_view m_line;
    const queue::LineOrigin& m_origin;
    std::size_t m_start = 0;    ///< of the word that was taken last
    std::size_t m_position = 0; ///< behind it
    std::string_view m_word;
};

} // namespace

std::string_view to_string(FindingKind kind) {
    switch (kind) {
    case FindingKind::orphan:
        return "orphan";
    case FindingKind::missing:
        return "missing";
    case FindingKind::size:
        return "size";
    case FindingKind::content:
        return "content";
    case FindingKind::too_few:
        return "short";
    case FindingKind::lost:
        return "lost";
    case FindingKind::gone:
        return "gone";
    case FindingKind::unreadable:
        return "unreadable";
    }
    return "";
}

std::string format_finding(const Finding& finding) {
    const auto word = to_string(finding.kind);
    const std::string name = base::encode_name(finding.name);
    const std::string path = base::encode_name(finding.path);
    switch (finding.kind) {
    case FindingKind::orphan:
        return fmt::format("{} {} {} {}", word, finding.node, name, finding.size_bytes);
    case FindingKind::missing:
        return fmt::format("{} {} {} {} {}", word, finding.node, name, path, finding.size_bytes);
    case FindingKind::size:
        return fmt::format("{} {} {} {} {} {}", word, finding.node, name, path, finding.size_bytes,
                           finding.found_bytes);
    case FindingKind::content:
        return fmt::format("{} {} {} {} {} {}", word, finding.node, name, path, finding.expected_checksum,
                           finding.found_checksum);
    case FindingKind::too_few:
        return fmt::format("{} {} {} {} {} {}", word, path, finding.size_bytes,
                           base::format_time(finding.mtime), finding.have, finding.wanted);
    case FindingKind::lost:
        return fmt::format("{} {} {} {}", word, path, finding.size_bytes, base::format_time(finding.mtime));
    case FindingKind::gone:
        return fmt::format("{} {} {} {}", word, finding.node, name, path);
    case FindingKind::unreadable:
        return fmt::format("{} {} {}", word, path, base::printable(finding.reason));
    }
    return {};
}

bool is_finding_comment(std::string_view line) {
    const std::size_t start = line.find_first_not_of(k_blanks);
    return start == line.npos || line[start] == '#';
}

Finding parse_finding(std::string_view line, const queue::LineOrigin& origin) {
    return FindingParser(line, origin).parse();
}

} // namespace nodespool::upkeep
