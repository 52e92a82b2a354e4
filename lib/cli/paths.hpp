// Names on the command line: raw bytes, absolute or relative to the file space.
#pragma once

#include "cli/config.hpp"

#include <string>
#include <string_view>

namespace nodespool::cli {

/// The cluster path that @p argument means. An absolute one may reach the file space through symbolic links;
/// what comes below the file space is taken as it stands, links in it are not followed. The file need not
/// exist. @throws base::Error usage, naming the argument, where it lies outside or cannot be a cluster path
std::string cluster_path_of(const Config& config, std::string_view argument);

/// The same for a directory: `.` and the file space's own path give "", and one trailing slash is fine.
std::string cluster_directory_of(const Config& config, std::string_view argument);

} // namespace nodespool::cli
