// Spawning, ending and waiting.
#include "base/child_process.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace nodespool::base {

namespace {

constexpr std::size_t k_longest_complaint = 4096;
constexpr off_t k_bound_of_complaints = 64 * 1024;

struct Pipe {
    Fd reading;
    Fd writing;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (retry_eintr([&] { return ::pipe2(ends.data(), O_CLOEXEC); }) != 0)
        throw_errno("make a pipe");
    return {Fd(ends[0]), Fd(ends[1])};
}

void check_spawn(int code, const std::string& doing) {
    if (code != 0)
        throw SystemError(code == EAGAIN ? doing + " (limits: ulimit -u, TasksMax= of a service)" : doing,
                          code);
}

/// What the child does between its birth and its program.
class SpawnPlan {
  public:
    SpawnPlan() {
        check_spawn(::posix_spawn_file_actions_init(&m_actions), "prepare a process");
        if (const int code = ::posix_spawnattr_init(&m_attributes); code != 0) {
            ::posix_spawn_file_actions_destroy(&m_actions);
            throw SystemError("prepare a process", code);
        }
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    ~SpawnPlan() {
        ::posix_spawnattr_destroy(&m_attributes);
        ::posix_spawn_file_actions_destroy(&m_actions);
    }

    void use_streams(int input, int output, int errors) {
        int target = 0;
        for (const int fd : {input, output, errors})
            check_spawn(::posix_spawn_file_actions_adddup2(&m_actions, fd, target++), "prepare a process");
        // Sockets of libraries may lack O_CLOEXEC, and a server would wait for whoever has its socket open.
        check_spawn(::posix_spawn_file_actions_addclosefrom_np(&m_actions, target), "prepare a process");
    }
    void set_up(Terminal terminal) {
        sigset_t none;
        sigemptyset(&none);
        sigset_t all;
        sigfillset(&all);
        check_spawn(::posix_spawnattr_setsigmask(&m_attributes, &none), "prepare a process");
        check_spawn(::posix_spawnattr_setsigdefault(&m_attributes, &all), "prepare a process");
        const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                          (terminal == Terminal::none ? POSIX_SPAWN_SETSID : 0);
        check_spawn(::posix_spawnattr_setflags(&m_attributes, static_cast<short>(flags)),
                    "prepare a process");
    }
    pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
        pid_t process = -1;
        check_spawn(::posix_spawnp(&process, arguments.front().c_str(), &m_actions, &m_attributes,
                                   pointers_to(arguments).data(), pointers_to(environment).data()),
                    "run " + arguments.front());
        return process;
    }

  private:
    static std::vector<char*> pointers_to(const std::vector<std::string>& words) {
        std::vector<char*> pointers;
        pointers.reserve(words.size() + 1);
        for (const std::string& word : words)
            pointers.push_back(const_cast<char*>(word.c_str())); // posix_spawn(3) does not write to them
        pointers.push_back(nullptr);
        return pointers;
    }

    posix_spawn_file_actions_t m_actions{};
    posix_spawnattr_t m_attributes{};
};

/// It never grows beyond its size: a program that complains without end must not fill the memory.
void bound(const Fd& file) {
    if (retry_eintr([&] { return ::ftruncate(file.get(), k_bound_of_complaints); }) != 0 ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW) != 0)
        throw_errno("limit a file in memory");
}

std::string name_in(const std::string& variable) {
    return variable.substr(0, variable.find('='));
}

/// This process's variables, those of @p changes in their place.
std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
    std::vector<std::string> result = changes;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
        bool is_changed = false;
        for (const std::string& change : changes)
            is_changed = is_changed || name_in(change) == name_in(*variable);
        if (!is_changed)
            result.emplace_back(*variable);
    }
    return result;
}

} // namespace

std::string ChildEnd::text() const {
    return signal != 0 ? "killed by signal " + std::to_string(signal)
                       : "exit status " + std::to_string(exit_status);
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& variables, Complaints complaints,
                           Terminal terminal)
    : m_errors(::memfd_create("errors", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
      m_terminal(terminal) {
    ensure(!arguments.empty(), "a program that is run has a name");
    if (!m_errors.is_open())
        throw_errno("make a file in memory");
    if (complaints == Complaints::bounded)
        bound(m_errors);
    Pipe to_child = make_pipe();
    Pipe from_child = make_pipe();
    SpawnPlan plan;
    plan.use_streams(to_child.reading.get(), from_child.writing.get(),
                     complaints == Complaints::passed_on ? STDERR_FILENO : m_errors.get());
    plan.set_up(terminal);
    // Inherited as ignored, it would make the kernel forget how the child ended.
    (void)std::signal(SIGCHLD, SIG_DFL);
    m_process = plan.spawn(arguments, environment_with(variables));
    m_input = std::move(to_child.writing);
    m_output = std::move(from_child.reading);
}

ChildProcess::~ChildProcess() {
    if (m_process < 0)
        return;
    tell(SIGTERM);
    tell(SIGCONT); // a stopped one must wake up to end
    try {
        wait();
    } catch (const Error&) {
        m_process = -1; // nothing is left that could be waited for
    }
}

/// One without our terminal leads a process group of its own.
void ChildProcess::tell(int signal) const {
    ::kill(m_terminal == Terminal::none ? -m_process : m_process, signal);
}

ChildEnd ChildProcess::wait() {
    m_input.reset();
    m_output.reset();
    if (m_process < 0)
        return m_end;
    int status = 0;
    if (retry_eintr([&] { return ::waitpid(m_process, &status, 0); }) < 0)
        throw_errno("wait for a process");
    m_process = -1;
    if (WIFSIGNALED(status))
        m_end.signal = WTERMSIG(status);
    else
        m_end.exit_status = WEXITSTATUS(status);
    return m_end;
}

bool ChildProcess::ends_within(std::chrono::milliseconds patience) const {
    const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, m_process, 0)));
    if (!handle.is_open())
        throw_errno("watch a process");
    pollfd watched{handle.get(), POLLIN, 0};
    return retry_eintr([&] { return ::poll(&watched, 1, static_cast<int>(patience.count())); }) > 0;
}

ChildEnd ChildProcess::wait_or_end(std::chrono::milliseconds patience) {
    m_input.reset();
    m_output.reset();
    return m_process < 0 || ends_within(patience) ? wait() : end(patience);
}

ChildEnd ChildProcess::end(std::chrono::milliseconds patience) {
    m_input.reset();
    m_output.reset();
    if (m_process >= 0) {
        tell(SIGTERM);
        tell(SIGCONT); // a stopped one must wake up to end
        // Of a group, others may be left.
        if (!ends_within(patience) || m_terminal == Terminal::none)
            tell(SIGKILL);
    }
    return wait();
}

std::string ChildProcess::complaint() const {
    std::string text(k_longest_complaint, '\0');
    text.resize(read_some_at(m_errors.get(), text.data(), text.size(), 0, "what a program complained of"));
    text.resize(std::min(text.find('\0'), text.size())); // a bounded file is as long as its bound
    return text;
}

} // namespace nodespool::base
