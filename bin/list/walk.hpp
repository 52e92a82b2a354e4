// Walks the cluster's files: the catalogue and the file space side by side, a directory at a time.
#pragma once

#include "base/file_system.hpp"
#include "catalog/catalog.hpp"

#include <functional>
#include <optional>
#include <string>

namespace nodespool::list_program {

/// One version of one file.
struct Entry {
    std::string path;
    std::optional<catalog::Link> link;       ///< stored
    std::optional<base::FileStatus> waiting; ///< in the file space, on no node yet
};

enum class Recursive { no, yes };

/// Memory does not grow with the files of a directory: their names are sorted by base::LineSorter, one for
/// each level of directories.
class Walk {
  public:
    struct Listener {
        std::function<void(const Entry&)> file;
        std::function<void(const std::string& path)> directory; ///< met, and not descended into
        std::function<void(const std::string& message)>
            trouble; ///< a link file that cannot be read: the walk goes on
    };
    Walk(const std::string& cluster_root, const std::string& files, Recursive recursive, Listener listener);

    /// A file, or what is in a directory ("" is the top), in name order. @return false: neither is there
    bool visit(const std::string& path);

  private:
    /// What stands under one name.
    struct Sides {
        bool link_file = false;
        bool local_file = false;
        bool directory = false;
    };
    [[nodiscard]] Sides sides_of(const std::string& path) const;
    void visit_directory(const std::string& directory);
    void visit_name(const std::string& directory, const std::string& name, const Sides& sides);
    void visit_file(const std::string& path, const Sides& sides);

    catalog::Catalog m_catalog;
    base::Fd m_files;
    Recursive m_recursive;
    Listener m_listener;
};

} // namespace nodespool::list_program
