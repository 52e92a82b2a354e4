// Where the cluster is, and whether it can be trusted.
#include "cli/cluster_root.hpp"

#include "base/accounts.hpp"
#include "base/error.hpp"
#include "base/path_name.hpp"
#include "cli/real_paths.hpp"

#include <boost/filesystem/operations.hpp>
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>

namespace nodespool::cli {

namespace {

constexpr std::size_t k_most_bytes = 4 << 20;
constexpr mode_t k_others_write = 0002;

[[noreturn]] void config_error(const std::string& message) {
    throw base::Error(base::ErrorClass::config, message);
}

} // namespace

std::string canonical_directory(const std::string& path, const std::string& what) {
    namespace fs = boost::filesystem;
    boost::system::error_code error;
    const std::string real = real_path(path, error);
    const std::string named = what + " " + base::printable(path);
    if (error.value() == EACCES)
        throw base::Error(base::ErrorClass::permission, named + ": " + error.message());
    if (error)
        config_error(named + ": " + error.message());
    if (!fs::is_directory(real, error))
        config_error(named + " is no directory");
    return real;
}

std::string find_cluster_root(const std::string& root_option) {
    if (!root_option.empty())
        return canonical_directory(root_option, "the cluster root (-C)");
    const char* const from_environment = std::getenv("NODESPOOL_ROOT");
    if (from_environment != nullptr && *from_environment != '\0')
        return canonical_directory(from_environment, "the cluster root ($NODESPOOL_ROOT)");
    if (!base::status_at(base::k_cwd, ".cluster.conf"))
        config_error(
            "no cluster: the current directory has no .cluster.conf; name the cluster root with -C DIR "
            "or $NODESPOOL_ROOT");
    return canonical_directory(".", "the cluster root");
}

void refuse_if_others_can_write(const std::string& path, const base::FileStatus& status) {
    if ((status.mode & k_others_write) != 0)
        config_error(fmt::format("{0} (owner {1}, mode {2:04o}) can be written by everybody: refused; "
                                 "run: chmod o-w {0}",
                                 base::printable(path), base::user_name(status.uid), status.mode));
}

std::optional<ReadFile> read_small_file(const std::string& path) {
    // Non-blocking: a FIFO in its place must not hold the program up.
    const std::optional<base::Fd> fd = base::try_open_at(base::k_cwd, path, O_RDONLY | O_NONBLOCK);
    if (!fd)
        return std::nullopt;
    ReadFile file{"", base::status_of(fd->get(), path)};
    if (file.status.type != base::FileType::regular)
        config_error(base::printable(path) + " is no regular file");
    if (file.status.size_bytes > k_most_bytes)
        config_error(fmt::format("{} has more than {} bytes", base::printable(path), k_most_bytes));
    file.text = base::read_whole(fd->get(), k_most_bytes, path);
    return file;
}

} // namespace nodespool::cli
