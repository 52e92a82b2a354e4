// Walks the directory of a `file:` node, and tells what file system it is on.
#include "base/record_stack.hpp"
#include "node/file_action.hpp"
#include "node/remote_name.hpp"

#include <exception>

namespace nodespool::node {

namespace {

// Between two looks whether to break off: some milliseconds.
constexpr unsigned k_entries_between_looks = 1024;

} // namespace

void FileSession::heed_interrupt() const {
    if (m_interrupt && m_interrupt())
        throw Interrupted{};
}

void FileSession::list(const ListVisitor& visit, Times) {
    const std::string all = "files";
    const Action action{m_node, "list", all};
    const base::Fd root = open_root(action);
    base::RecordStack directories;
    directories.push("");
    while (const std::optional<std::string> path = directories.pop()) {
        const std::optional<base::Fd> directory = open_directory(root, *path, action);
        if (!directory)
            action.fail(Failure::temporary,
                        "the directory " + m_root + "/" + *path + " went away while it was being listed");
        list_directory(*directory, *path, visit, directories, action);
    }
}

void FileSession::list_directory(const base::Fd& directory, const std::string& path, const ListVisitor& visit,
                                 base::RecordStack& directories, const Action& action) const {
    const std::string prefix = path.empty() ? path : path + '/';
    unsigned entries = 0;
    std::exception_ptr thrown; // by the visitor or the stack: the node is not to blame
    action.on_node([&] {
        base::for_each_entry(directory.get(), m_root + '/' + path, [&](const std::string& name) {
            if (entries++ % k_entries_between_looks == 0)
                heed_interrupt();
            const std::optional<base::FileStatus> status = base::status_at(directory.get(), name);
            if (!status)
                return true; // removed a moment ago
            try {
                if (status->type == base::FileType::directory && prefix + name != k_of_file_system)
                    directories.push(prefix + name);
                else if (status->type == base::FileType::regular)
                    visit({prefix + name, status->size_bytes, status->mtime});
            } catch (...) {
                thrown = std::current_exception();
            }
            return !thrown;
        });
    });
    if (thrown)
        std::rethrow_exception(thrown);
}

std::vector<std::string> FileSession::features() {
    const std::string root_name = "file system";
    const Action action{m_node, "look at the", root_name};
    const base::Fd root = open_root(action);
    const base::FileSystemSpace space = action.on_node([&] { return base::space_of(root.get(), m_root); });
    return {"file system type " + space.type,
            std::to_string(space.available_bytes) + " of " + std::to_string(space.total_bytes) +
                " bytes free",
            std::to_string(space.available_inodes) + " of " + std::to_string(space.total_inodes) +
                " inodes free"};
}

} // namespace nodespool::node
