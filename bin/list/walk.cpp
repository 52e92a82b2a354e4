// The walk.
#include "walk.hpp"

#include "base/error.hpp"
#include "base/line_sorter.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>

#include <utility>

namespace nodespool::list_program {

namespace {

// What a name stands for, as one character of its line in the sorter.
constexpr char k_link_file = 'l';
constexpr char k_local_file = 'f';
constexpr char k_directory = 'd';

/// A name and what it stands for as one line that sorts by the name's bytes: NUL, which no name holds, ends
/// the name, and a newline takes two bytes that keep its place, between the tab and the vertical tab.
std::string line_of(const std::string& name, char what) {
    std::string line;
    for (const char c : name)
        if (c == '\n')
            line += "\v\1";
        else if (c == '\v')
            line += "\v\2";
        else
            line += c;
    return line + '\0' + what;
}

std::pair<std::string, char> name_of_line(const std::string& line) {
    std::string name;
    for (std::size_t i = 0; i + 2 < line.size(); ++i)
        name += line[i] != '\v' ? line[i] : line[++i] == '\1' ? '\n' : '\v';
    return {name, line.back()};
}

std::string below(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

std::string or_dot(const std::string& path) {
    return path.empty() ? "." : path;
}

/// The names in a directory of the catalogue or of the file space, with the types that the directory tells:
/// no look at each.
void add_names(int top, const std::string& directory, char file, base::LineSorter& names) {
    if (top < 0)
        return;
    const base::BeneathResult opened = base::open_beneath(top, or_dot(directory), O_RDONLY | O_DIRECTORY);
    if (!opened.fd.is_open())
        return;
    base::for_each_typed_entry(opened.fd.get(), directory, [&](const std::string& name, base::FileType type) {
        const bool is_directory = type == base::FileType::directory;
        if ((is_directory || type == base::FileType::regular) &&
            base::why_not_a_cluster_path(below(directory, name)).empty())
            names.add(line_of(name, is_directory ? k_directory : file));
        return true;
    });
}

} // namespace

Walk::Walk(const std::string& cluster_root, const std::string& files, Recursive recursive, Listener listener)
    : m_catalog(catalog::Catalog::open_existing(cluster_root)),
      m_files(base::open_directory(files)),
      m_recursive(recursive),
      m_listener(std::move(listener)) {}

bool Walk::visit(const std::string& path) {
    const Sides sides = path.empty() ? Sides{false, false, true} : sides_of(path);
    if (sides.directory)
        visit_directory(path);
    if (sides.link_file || sides.local_file)
        visit_file(path, sides);
    return sides.directory || sides.link_file || sides.local_file;
}

Walk::Sides Walk::sides_of(const std::string& path) const {
    Sides sides;
    const auto link = base::status_at(base::k_cwd, m_catalog.path() + "/" + path);
    const base::BeneathResult local = base::find_beneath(m_files.get(), path);
    const auto local_type =
        local.fd.is_open() ? base::status_of(local.fd.get(), path).type : base::FileType::other;
    sides.link_file = link && link->type == base::FileType::regular;
    sides.local_file = local_type == base::FileType::regular;
    sides.directory =
        (link && link->type == base::FileType::directory) || local_type == base::FileType::directory;
    return sides;
}

void Walk::visit_directory(const std::string& directory) {
    base::LineSorter names;
    add_names(m_catalog.dir_fd(), directory, k_link_file, names);
    add_names(m_files.get(), directory, k_local_file, names);
    names.finish();
    std::string name;
    Sides sides;
    while (const std::optional<std::string> line = names.next()) {
        const auto [next_name, what] = name_of_line(*line);
        if (next_name != name) {
            visit_name(directory, name, sides);
            name = next_name;
            sides = {};
        }
        sides.link_file |= what == k_link_file;
        sides.local_file |= what == k_local_file;
        sides.directory |= what == k_directory;
    }
    visit_name(directory, name, sides);
}

void Walk::visit_name(const std::string& directory, const std::string& name, const Sides& sides) {
    const std::string path = below(directory, name);
    if (sides.link_file || sides.local_file)
        visit_file(path, sides);
    if (!sides.directory)
        return;
    if (m_recursive == Recursive::yes)
        visit_directory(path);
    else
        m_listener.directory(path);
}

void Walk::visit_file(const std::string& path, const Sides& sides) {
    std::optional<catalog::Link> link;
    try {
        if (sides.link_file)
            link = m_catalog.read(path);
    } catch (const base::Error& error) {
        m_listener.trouble(error.what());
    }
    if (link)
        m_listener.file({path, link, std::nullopt});
    if (!sides.local_file)
        return;
    const base::BeneathResult local = base::find_beneath(m_files.get(), path);
    if (!local.fd.is_open())
        return;
    const base::FileStatus status = base::status_of(local.fd.get(), path);
    if (status.type != base::FileType::regular)
        return; // another took the name since the directory was read
    if (!link || !link->records(status.size_bytes, status.mtime))
        m_listener.file({path, std::nullopt, status});
}

} // namespace nodespool::list_program
