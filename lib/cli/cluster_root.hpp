// Finding the cluster root, and refusing one that strangers can write to: private to load_config().
#pragma once

#include "base/file_system.hpp"

#include <optional>
#include <string>

namespace nodespool::cli {

/// @p root_option, else $NODESPOOL_ROOT, else the working directory where it has a .cluster.conf; absolute
/// and free of symbolic links. @throws base::Error config
std::string find_cluster_root(const std::string& root_option);

/// Throws where others can write to @p path: the message names it, its owner and mode, and the remedy.
void refuse_if_others_can_write(const std::string& path, const base::FileStatus& status);

/// A file read whole, with what it was when it was read.
struct ReadFile {
    std::string text;
    base::FileStatus status;
};

/// nullopt where there is no such file.
std::optional<ReadFile> read_small_file(const std::string& path);

/// The absolute path of an existing directory, free of symbolic links.
/// @throws base::Error config, beginning with @p what
std::string canonical_directory(const std::string& path, const std::string& what);

} // namespace nodespool::cli
