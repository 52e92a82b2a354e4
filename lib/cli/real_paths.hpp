// Paths without symbolic links, and which of them lies below which.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace nodespool::cli {

/// Free of symbolic links; of an absolute one also where the working directory is gone.
std::string real_path(const std::string& path, boost::system::error_code& error);

/// Of an absolute path that need not be there: free of symbolic links as far as it is.
std::string real_path_so_far(const std::string& path);

/// What of @p path lies below @p directory, both absolute: "" for the directory itself, nullopt where it lies
/// elsewhere.
std::optional<std::string_view> below(std::string_view directory, std::string_view path);

} // namespace nodespool::cli
