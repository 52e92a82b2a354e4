// The walk through .links/.
#include "catalog/walk.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>

#include <cerrno>
#include <vector>

namespace nodespool::catalog {

namespace {

std::string below(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

class Walk {
  public:
    using Visit = std::function<bool(const std::string& path)>;
    Walk(const Catalog& catalog, const Visit& visit) : m_catalog(&catalog), m_visit(&visit) {}

    /// false: it was stopped.
    bool descend(const std::string& directory) {
        std::vector<std::string> subdirectories;
        if (!read(directory, subdirectories))
            return false;
        while (!subdirectories.empty()) {
            const std::string name = std::move(subdirectories.back());
            subdirectories.pop_back();
            if (!descend(below(directory, name)))
                return false;
        }
        return true;
    }

  private:
    bool read(const std::string& directory, std::vector<std::string>& subdirectories) {
        bool goes_on = true;
        const base::BeneathResult opened = base::open_beneath(
            m_catalog->dir_fd(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
        if (!opened.fd.is_open()) {
            if (opened.why == base::NotOpened::not_allowed)
                throw base::SystemError("open " + m_catalog->path() + "/" + directory, EACCES);
            return true; // removed since it was met
        }
        base::for_each_typed_entry(opened.fd.get(), m_catalog->path() + "/" + directory,
                                   [&](const std::string& name, base::FileType type) {
                                       if (directory.empty() &&
                                           name.starts_with('.')) // `.tmp`, `.lock`: never a cluster path
                                           return true;
                                       if (type == base::FileType::directory)
                                           subdirectories.push_back(name);
                                       else if (type == base::FileType::regular)
                                           goes_on = (*m_visit)(below(directory, name));
                                       return goes_on;
                                   });
        return goes_on;
    }

    const Catalog* m_catalog;
    const Visit* m_visit;
};

void remove_empty_below(const Catalog& catalog, const std::string& directory) {
    const base::BeneathResult opened =
        base::open_beneath(catalog.dir_fd(), directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
    if (!opened.fd.is_open())
        return;
    std::vector<std::string> subdirectories;
    base::for_each_typed_entry(
        opened.fd.get(), catalog.path() + "/" + directory, [&](const std::string& name, base::FileType type) {
            if (type == base::FileType::directory && !(directory.empty() && name.starts_with('.')))
                subdirectories.push_back(name);
            return true;
        });
    for (const std::string& name : subdirectories) {
        remove_empty_below(catalog, below(directory, name));
        base::remove_directory_at(opened.fd.get(), name);
    }
}

} // namespace

void for_each_link(const Catalog& catalog, const std::string& directory,
                   const std::function<bool(const std::string& path)>& visit) {
    if (catalog.dir_fd() < 0)
        return;
    if (!directory.empty()) {
        const base::BeneathResult found = base::find_beneath(catalog.dir_fd(), directory);
        if (found.fd.is_open() &&
            base::status_of(found.fd.get(), directory).type == base::FileType::regular) {
            visit(directory);
            return;
        }
    }
    Walk(catalog, visit).descend(directory);
}

void remove_empty_directories(const Catalog& catalog, const std::string& directory) {
    if (catalog.dir_fd() < 0)
        return;
    remove_empty_below(catalog, directory);
    remove_empty_parents(catalog, below(directory, "x"));
}

void remove_empty_parents(const Catalog& catalog, const std::string& path) {
    if (catalog.dir_fd() < 0)
        return;
    for (std::string parent(base::parent_of(path)); !parent.empty(); parent = base::parent_of(parent)) {
        const auto status = base::status_at(catalog.dir_fd(), parent);
        if (status && (status->type != base::FileType::directory ||
                       !base::remove_directory_at(catalog.dir_fd(), parent)))
            return;
    }
}

} // namespace nodespool::catalog
