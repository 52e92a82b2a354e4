// ROOT/.nodes: read strictly, rewritten line by line.
#include "processor/node_marks.hpp"

#include "base/accounts.hpp"
#include "base/error.hpp"
#include "base/path_name.hpp"
#include "base/staged_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_max_bytes = 1U << 20U;
constexpr mode_t k_mode = 0664;
constexpr const char* k_file = ".nodes";
/// What StagedFile calls a `.nodes` to be.
constexpr std::string_view k_staged = "nodes";
constexpr std::string_view k_blanks = " \t\r";

std::string file_of(const std::string& cluster_root) {
    return cluster_root + "/" + k_file;
}

/// The operator's own word on nodes, as the configuration is: nobody may act without having understood it.
[[noreturn]] void refuse(const std::string& where, const std::string& found, const std::string& expected) {
    throw base::Error(base::ErrorClass::config,
                      fmt::format("{}: found {}, expected {}", where, found, expected));
}

/// A line of the file; a comment or blank line is about no node.
struct Line {
    std::string text; ///< as it stands
    std::string node; ///< empty: of none
    Mark mark = Mark::none;
};

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t at = text.find_first_not_of(k_blanks); at != text.npos;
         at = text.find_first_not_of(k_blanks, at)) {
        const std::size_t end = std::min(text.find_first_of(k_blanks, at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t k_shown = 64;
    const bool is_long = text.size() > k_shown;
    return "'" + base::printable(text.substr(0, k_shown)) + (is_long ? "'..." : "'");
}

/// What is wrong with the words of a line: FOUND and EXPECTED.
struct Complaint {
    std::string found;
    std::string expected;
};

Line read_line(std::string_view text) {
    Line line{std::string(text), {}, Mark::none};
    const std::vector<std::string_view> words = words_of(text);
    if (words.empty() || words.front().starts_with('#'))
        return line;
    const std::string expected_mark =
        fmt::format("{} or {}", to_string(Mark::draining), to_string(Mark::read_only));
    if (!base::is_node_name(words[0]))
        throw Complaint{quoted(words[0]), "a node's name"};
    if (words.size() < 2)
        throw Complaint{"the end of the line", expected_mark};
    for (const Mark mark : {Mark::draining, Mark::read_only})
        if (words[1] == to_string(mark))
            line.mark = mark;
    if (line.mark == Mark::none)
        throw Complaint{quoted(words[1]), expected_mark};
    if (words.size() > 2)
        throw Complaint{quoted(words[2]), "the end of the line"};
    line.node = words[0];
    return line;
}

std::vector<Line> read_lines(std::string_view text, const std::string& file) {
    std::vector<Line> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        try {
            Line line = read_line(text.substr(0, end));
            if (!line.node.empty() && std::any_of(lines.begin(), lines.end(),
                                                  [&](const Line& other) { return other.node == line.node; }))
                throw Complaint{"a second line for node " + line.node, "one line a node"};
            lines.push_back(std::move(line));
        } catch (const Complaint& complaint) {
            refuse(fmt::format("{}:{}", file, lines.size() + 1), complaint.found, complaint.expected);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string kind_of(base::FileType type) {
    switch (type) {
    case base::FileType::regular: // it has just come to be one
        return "a file that was being replaced";
    case base::FileType::directory:
        return "a directory";
    case base::FileType::symlink:
        return "a symbolic link";
    case base::FileType::other:
        return "a FIFO, socket or device";
    }
    return "something else";
}

/// The file as it was opened: what it is, and what it says.
struct Contents {
    std::optional<base::FileStatus> status; ///< nullopt: there is none
    std::vector<Line> lines;
};

Contents read_file(const std::string& cluster_root) {
    const std::string file = file_of(cluster_root);
    const std::optional<base::Fd> fd = base::try_open_regular(base::k_cwd, file);
    if (!fd) {
        if (const auto other = base::status_at(base::k_cwd, file)) // to take it for no marks would undo them
            refuse(file, kind_of(other->type), "a regular file");
        return {};
    }
    Contents contents;
    contents.status = base::status_of(fd->get(), file);
    if (contents.status->size_bytes > k_max_bytes)
        refuse(file, fmt::format("{} bytes", contents.status->size_bytes),
               fmt::format("{} at most", k_max_bytes));
    contents.lines = read_lines(base::read_whole(fd->get(), k_max_bytes, file), file);
    return contents;
}

NodeMarks marks_of(const std::vector<Line>& lines) {
    NodeMarks::ByNode marks;
    for (const Line& line : lines)
        if (!line.node.empty())
            marks.emplace(line.node, line.mark);
    return NodeMarks(std::move(marks));
}

/// On a file of its own: `.nodes` itself is replaced, a lock on it would be on what it was.
base::Fd locked(const std::string& cluster_root) {
    const std::string state = cluster_root + "/.state";
    base::make_shared_directory(state);
    const std::string name = state + "/nodes.lock";
    base::Fd fd = base::open_at(base::k_cwd, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0660);
    if (base::status_of(fd.get(), name).uid == base::effective_user())
        base::set_mode(fd.get(), 0660, name); // other operators are of the group
    base::lock_exclusively(fd.get(), base::LockWait::yes, name);
    return fd;
}

/// Whoever holds the lock is the only one who writes: temporaries are those of processes that died.
void clear_temporaries(int root_fd, const std::string& cluster_root) {
    const std::string start = fmt::format(".{}.", k_staged);
    std::vector<std::string> left;
    base::for_each_entry(root_fd, cluster_root, [&](const std::string& name) {
        if (name.starts_with(start) && name.ends_with(".tmp"))
            left.push_back(name);
        return true;
    });
    for (const std::string& name : left)
        base::unlink_at(root_fd, name);
}

void write_lines(const std::string& cluster_root, const std::vector<Line>& lines) {
    const base::Fd root = base::open_directory(cluster_root);
    clear_temporaries(root.get(), cluster_root);
    base::StagedFile staged(root.get(), std::string(k_staged), k_mode);
    base::give_to_group(staged.fd(), "nodespool");
    base::set_mode(staged.fd(), k_mode, file_of(cluster_root));
    for (const Line& line : lines)
        staged.append(line.text + '\n');
    staged.sync();
    staged.rename_to(root.get(), k_file, base::Replace::yes);
    base::sync_directory(root.get(), cluster_root);
}

} // namespace

std::string_view to_string(Mark mark) {
    switch (mark) {
    case Mark::none:
        return "";
    case Mark::draining:
        return "draining";
    case Mark::read_only:
        return "read-only";
    }
    return "";
}

Mark NodeMarks::of(std::string_view node) const {
    const auto found = m_marks.find(node);
    return found == m_marks.end() ? Mark::none : found->second;
}

NodeMarks read_node_marks(const std::string& cluster_root) {
    return marks_of(read_file(cluster_root).lines);
}

Mark set_node_mark(const std::string& cluster_root, const std::string& node, Mark mark) {
    const base::Fd lock = locked(cluster_root);
    std::vector<Line> lines = read_file(cluster_root).lines;
    const auto found =
        std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.node == node; });
    const Mark before = found == lines.end() ? Mark::none : found->mark;
    if (mark == before)
        return before;
    const Line wanted{fmt::format("{} {}", node, to_string(mark)), node, mark};
    if (mark == Mark::none)
        lines.erase(found);
    else if (found == lines.end())
        lines.push_back(wanted);
    else
        *found = wanted;
    write_lines(cluster_root, lines);
    return before;
}

const NodeMarks& NodeMarksFile::current() {
    const std::optional<base::FileStatus> now = base::status_at(base::k_cwd, file_of(m_root));
    const bool is_known = now && m_read ? now->is_same_version(*m_read) && now->ctime == m_read->ctime
                                        : now.has_value() == m_read.has_value();
    if (!is_known) {
        const Contents contents = read_file(m_root);
        m_marks = marks_of(contents.lines);
        m_read = contents.status;
    }
    return m_marks;
}

} // namespace nodespool::processor
