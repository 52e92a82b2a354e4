// The strict reader of job lines.
#include "base/path_name.hpp"
#include "queue/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace nodespool::queue {

namespace {

struct Word {
    std::string_view text;
    std::size_t column; ///< from 1, in bytes
};

std::string shown(std::string_view text) {
    constexpr std::size_t k_shown = 60;
    return "'" + base::printable(text.substr(0, k_shown)) + (text.size() > k_shown ? "...'" : "'");
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

/// Reads one line from left to right.
class Parser {
  public:
    Parser(std::string_view line, const LineOrigin& origin, const NodeNames* known)
        : m_line(line),
          m_origin(origin),
          m_known(known) {}

    JobRecord parse() {
        refuse_unfit_line();
        split();
        read_keyword();
        read_fields();
        while (m_next < m_words.size() && m_words[m_next].text.find('=') == std::string_view::npos)
            read_nodes(take("a node name"));
        while (m_next < m_words.size())
            read_attribute(take("KEY=VALUE"));
        refuse_contradictions();
        return std::move(m_job);
    }

  private:
    [[noreturn]] void fail(std::size_t column, const std::string& found, const std::string& expected) const {
        throw JobError(m_origin, column, found, expected);
    }

    void refuse_unfit_line() const {
        if (m_line.size() > k_max_line_bytes)
            fail(k_max_line_bytes + 1, fmt::format("a line of {} bytes", m_line.size()),
                 fmt::format("at most {} bytes", k_max_line_bytes));
        if (const std::size_t nul = m_line.find('\0'); nul != m_line.npos)
            fail(nul + 1, "a NUL byte", "text");
    }

    void split() {
        for (std::size_t at = 0;;) {
            at = m_line.find_first_not_of(" \t", at);
            if (at == m_line.npos)
                return;
            std::size_t end = m_line.find_first_of(" \t", at);
            if (end == m_line.npos)
                end = m_line.size();
            m_words.push_back({m_line.substr(at, end - at), at + 1});
            at = end;
        }
    }

    Word take(const std::string& expected) {
        if (m_next == m_words.size())
            fail(m_line.size() + 1, "the end of the line", expected);
        return m_words[m_next++];
    }

    void read_keyword() {
        const Word word = take("a keyword");
        const std::optional<Keyword> keyword = keyword_of(word.text);
        if (!keyword)
            fail(word.column, "keyword " + shown(word.text), "upload, store, replicate or remove");
        m_job.keyword = *keyword;
    }

    void read_fields() {
        if (m_job.keyword == Keyword::remove) {
            const Word node = take("NODE");
            m_job.node = node_name(node.text, node.column);
            m_job.path = remote_name(take("REMOTE-NAME"));
            m_job.size_bytes = number<std::uint64_t>(take("SIZE in bytes"), "SIZE in bytes", k_max_size);
            return;
        }
        m_job.path = cluster_path(take("FILE"));
        if (m_job.keyword == Keyword::upload)
            m_job.owner_uid = number<std::uint32_t>(take("UID"), "UID as a number", k_max_uid);
        m_job.size_bytes = number<std::uint64_t>(take("SIZE in bytes"), "SIZE in bytes", k_max_size);
        m_job.mtime = time(take("MTIME"), "MTIME as SECONDS[.FRACTION] since the epoch");
    }

    std::string decoded(const Word& word) const {
        try {
            return base::decode_name(word.text);
        } catch (const base::NameError& error) {
            fail(word.column + error.offset, error.found, error.expected);
        }
    }

    std::string cluster_path(const Word& word) const {
        std::string path = decoded(word);
        if (m_job.keyword == Keyword::replicate && path.starts_with(".links/"))
            path.erase(0, std::string_view(".links/").size());
        if (const std::string objection = base::why_not_a_cluster_path(path); !objection.empty())
            fail(word.column, objection + " in " + shown(word.text), "FILE relative to the file space");
        return path;
    }

    std::string remote_name(const Word& word) const {
        std::string name = decoded(word);
        // A node's own names may begin with a dot; what must never happen is a way out of the node's root.
        const std::string below = "x/" + name;
        if (const std::string objection = base::why_not_a_cluster_path(below);
            !objection.empty() || name.front() == '/')
            fail(word.column,
                 (objection.empty() ? "an absolute name" : objection) + " in " + shown(word.text),
                 "REMOTE-NAME relative to the node's root");
        return name;
    }

    template <typename Number>
    Number number(const Word& word, const std::string& expected, Number greatest) const {
        Number value = 0;
        const char* end = word.text.data() + word.text.size();
        const auto [stopped, error] = std::from_chars(word.text.data(), end, value);
        if (error != std::errc{} || stopped != end || value > greatest)
            fail(word.column, shown(word.text), fmt::format("{}, 0 to {}", expected, greatest));
        return value;
    }

    base::WrittenTime time(const Word& word, const std::string& expected) const {
        const std::optional<base::WrittenTime> value = base::parse_time(word.text);
        if (!value)
            fail(word.column, shown(word.text), expected);
        return *value;
    }

    std::string node_name(std::string_view name, std::size_t column) const {
        if (!base::is_node_name(name))
            fail(column, shown(name), "a node name ([A-Za-z0-9][A-Za-z0-9_.-]*)");
        if (m_known != nullptr && !m_known->contains(name))
            fail(column, "node " + shown(name), "a node of the configuration (" + known_names() + ")");
        return std::string(name);
    }

    std::string known_names() const {
        return m_known->empty() ? "it has none" : fmt::format("{}", fmt::join(*m_known, ", "));
    }

    void read_nodes(const Word& word) {
        if (m_job.keyword == Keyword::remove)
            fail(word.column, shown(word.text), "KEY=VALUE or the end of the line");
        for (std::size_t at = 0; at <= word.text.size();) {
            const std::size_t comma = std::min(word.text.find(',', at), word.text.size());
            std::string_view name = word.text.substr(at, comma - at);
            const bool excluded = name.starts_with('-');
            if (excluded)
                name.remove_prefix(1);
            auto& list = excluded ? m_job.nodes.without : m_job.nodes.only;
            list.push_back(node_name(name, word.column + at + (excluded ? 1 : 0)));
            at = comma + 1;
        }
    }

    void read_attribute(const Word& word) {
        const std::size_t equals = word.text.find('=');
        if (equals == word.text.npos)
            fail(word.column, shown(word.text), "KEY=VALUE: nodes stand before the attributes");
        const std::string_view key = word.text.substr(0, equals);
        const Word value{word.text.substr(equals + 1), word.column + equals + 1};
        const bool fit = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '_';
        });
        if (!fit)
            fail(word.column, shown(key), "an attribute name of letters, digits, '-' and '_'");
        if (m_job.find_attribute(key) != nullptr)
            fail(word.column, "attribute " + shown(key) + " a second time", "it once");
        // One at the end of the line would be taken for a part of the line's end where the job is written
        // anew.
        if (const auto control = std::find_if(value.text.begin(), value.text.end(), is_control);
            control != value.text.end())
            fail(value.column + static_cast<std::size_t>(control - value.text.begin()),
                 "a control byte in attribute " + shown(key), "text");
        if (key == "copies") {
            m_job.copies = number<unsigned>(value, "a number of copies", 1000);
            if (*m_job.copies == 0)
                fail(value.column, "copies=0", "at least 1");
        } else if (key == "attempts") {
            m_job.attempts =
                number<unsigned>(value, "a number of attempts", std::numeric_limits<unsigned>::max() - 1);
        } else if (key == "since") {
            m_job.since = time(value, "a time as SECONDS[.FRACTION]").value;
        } else if (key == "not-before") {
            m_job.not_before = time(value, "a time as SECONDS[.FRACTION]").value;
        }
        m_job.attributes.emplace_back(key, value.text);
    }

    void refuse_contradictions() const {
        const NodeList& nodes = m_job.nodes;
        const bool any_left =
            nodes.only.empty() || std::any_of(nodes.only.begin(), nodes.only.end(),
                                              [&](const auto& name) { return nodes.allows(name); });
        const bool any_known = m_known == nullptr || nodes.without.empty() ||
                               std::any_of(m_known->begin(), m_known->end(),
                                           [&](const auto& name) { return nodes.allows(name); });
        if (!any_left || !any_known)
            fail(m_line.size() + 1, "a node list that forbids every node it allows",
                 "at least one node left");
    }

    static constexpr std::uint64_t k_max_size = std::numeric_limits<std::int64_t>::max();
    static constexpr std::uint32_t k_max_uid = std::numeric_limits<std::uint32_t>::max() - 1;

    std::string_view m_line;
    const LineOrigin& m_origin;
    const NodeNames* m_known;
    std::vector<Word> m_words;
    std::size_t m_next = 0;
    JobRecord m_job;
};

} // namespace

JobRecord parse_job(std::string_view line, const LineOrigin& origin, const NodeNames* known) {
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return Parser(line, origin, known).parse();
}

} // namespace nodespool::queue
