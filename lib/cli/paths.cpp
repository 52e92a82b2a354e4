// From a name on the command line to a cluster path.
#include "cli/paths.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"
#include "cli/real_paths.hpp"

#include <optional>

namespace nodespool::cli {

namespace {

[[noreturn]] void refuse(std::string_view argument, const std::string& why) {
    throw base::Error(base::ErrorClass::usage, "'" + base::printable(argument) + "': " + why);
}

std::string joined(std::string_view parent, std::string_view rest) {
    if (parent.empty() || rest.empty())
        return std::string(parent) + std::string(rest);
    return std::string(parent) + "/" + std::string(rest);
}

/// Below the file space by its real path, or by the shortest leading part of @p path that leads into it
/// through symbolic links or `..`; what follows that part is taken as it stands.
std::optional<std::string> below_file_space(const Config& config, std::string_view path) {
    if (const auto rest = below(config.files, path))
        return std::string(*rest);
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string_view prefix = path.substr(0, slash);
        boost::system::error_code error;
        const std::string real = real_path(std::string(prefix), error);
        if (error)
            return std::nullopt;
        if (const auto parent = below(config.files, real))
            return joined(*parent, slash == path.npos ? std::string_view() : path.substr(slash + 1));
        if (slash == path.npos)
            return std::nullopt;
    }
}

std::string relative_to_file_space(const Config& config, std::string_view argument) {
    if (argument.empty())
        refuse(argument, "an empty name");
    if (argument.find('\0') != argument.npos)
        refuse(argument, "a NUL byte");
    if (argument.front() != '/')
        return std::string(argument);
    auto path = below_file_space(config, argument);
    if (!path)
        refuse(argument, "outside the file space " + base::printable(config.files));
    return std::move(*path);
}

void check(std::string_view argument, const std::string& path) {
    const std::string why_not = base::why_not_a_cluster_path(path);
    if (!why_not.empty())
        refuse(argument, "found " + why_not + ", expected a path in the file space");
}

} // namespace

std::string cluster_path_of(const Config& config, std::string_view argument) {
    std::string path = relative_to_file_space(config, argument);
    check(argument, path);
    return path;
}

std::string cluster_directory_of(const Config& config, std::string_view argument) {
    std::string path = relative_to_file_space(config, argument);
    if (path.ends_with('/'))
        path.pop_back();
    if (path.empty() || path == ".")
        return {};
    check(argument, path);
    return path;
}

} // namespace nodespool::cli
