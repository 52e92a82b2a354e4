// Paths by Boost.Filesystem.
#include "cli/real_paths.hpp"

#include <boost/filesystem/operations.hpp>

namespace nodespool::cli {

std::string real_path(const std::string& path, boost::system::error_code& error) {
    namespace fs = boost::filesystem;
    // Without a base it would ask for the working directory in any case.
    return (path.starts_with('/') ? fs::canonical(path, "/", error) : fs::canonical(path, error)).string();
}

std::string real_path_so_far(const std::string& path) {
    namespace fs = boost::filesystem;
    fs::path there = path;
    fs::path rest;
    for (;;) {
        boost::system::error_code error;
        const std::string real = real_path(there.string(), error);
        if (!error || !there.has_relative_path())
            return rest.empty() ? real : (fs::path(real) / rest).string();
        rest = rest.empty() ? there.filename() : there.filename() / rest;
        there = there.parent_path();
    }
}

std::optional<std::string_view> below(std::string_view directory, std::string_view path) {
    if (directory == "/")
        return path.substr(1);
    if (!path.starts_with(directory))
        return std::nullopt;
    path.remove_prefix(directory.size());
    if (path.empty())
        return path;
    return path.front() == '/' ? std::optional(path.substr(1)) : std::nullopt;
}

} // namespace nodespool::cli
