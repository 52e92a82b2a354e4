// Standard streams, the executable's path and exec.
#include "base/process.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace nodespool::base {

namespace {

std::vector<char*> exec_arguments(const std::vector<std::string>& arguments) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
        pointers.push_back(const_cast<char*>(argument.c_str())); // exec(3) does not write to them
    pointers.push_back(nullptr);
    return pointers;
}

/// Runs @p exec with SIGPIPE as other programs expect it; it returns only where the exec failed.
template <typename Exec>
bool become(const std::string& path, Exec&& exec) {
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    exec();
    const int code = errno;
    (void)std::signal(SIGPIPE, before);
    errno = code;
    if (errno == ENOENT || errno == ENOTDIR)
        return false;
    throw_errno("run " + path);
}

} // namespace

void guard_standard_streams() {
    const std::array<int, 3> wrong_way_round = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = k_standard_input; fd <= k_standard_error; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            // The lowest free number is this one. Stays open in children, as a standard stream does.
            if (::open("/dev/null", wrong_way_round.at(static_cast<std::size_t>(fd))) != fd)
                throw_errno("open /dev/null");
}

bool is_terminal(int fd) {
    return ::isatty(fd) == 1;
}

std::string executable_path() {
    std::string path(4096, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length < 0)
        throw_errno("read the link /proc/self/exe");
    path.resize(static_cast<std::size_t>(length));
    return path;
}

bool become_program(const std::string& path, const std::vector<std::string>& arguments) {
    return become(path, [&] { ::execv(path.c_str(), exec_arguments(arguments).data()); });
}

bool become_program(const std::vector<std::string>& arguments) {
    ensure(!arguments.empty(), "a program that is run has a name");
    const std::string& name = arguments.front();
    return become(name, [&] { ::execvp(name.c_str(), exec_arguments(arguments).data()); });
}

} // namespace nodespool::base
