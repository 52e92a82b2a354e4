// Spawning, ending and waiting.
#include "base/child_process.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_call.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace nodespool::base {

namespace {

constexpr std::size_t k_longest_complaint = 4096;

struct Pipe {
    Fd reading;
    Fd writing;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw_errno("make a pipe");
    return {Fd(ends[0]), Fd(ends[1])};
}

void check_spawn(int code, const std::string& doing) {
    if (code != 0)
        throw SystemError(doing, code);
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
    void reset_signals() {
        sigset_t none;
        sigemptyset(&none);
        sigset_t all;
        sigfillset(&all);
        check_spawn(::posix_spawnattr_setsigmask(&m_attributes, &none), "prepare a process");
        check_spawn(::posix_spawnattr_setsigdefault(&m_attributes, &all), "prepare a process");
        check_spawn(::posix_spawnattr_setflags(&m_attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
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
                           const std::vector<std::string>& variables, Complaints complaints)
    : m_errors(::memfd_create("errors", MFD_CLOEXEC)) {
    ensure(!arguments.empty(), "a program that is run has a name");
    if (!m_errors.is_open())
        throw_errno("make a file in memory");
    Pipe to_child = make_pipe();
    Pipe from_child = make_pipe();
    SpawnPlan plan;
    plan.use_streams(to_child.reading.get(), from_child.writing.get(),
                     complaints == Complaints::kept ? m_errors.get() : STDERR_FILENO);
    plan.reset_signals();
    // Inherited as ignored, it would make the kernel forget how the child ended.
    (void)std::signal(SIGCHLD, SIG_DFL);
    m_process = plan.spawn(arguments, environment_with(variables));
    m_input = std::move(to_child.writing);
    m_output = std::move(from_child.reading);
}

ChildProcess::~ChildProcess() {
    if (m_process < 0)
        return;
    ::kill(m_process, SIGTERM);
    ::kill(m_process, SIGCONT); // a stopped one must wake up to end
    try {
        wait();
    } catch (const Error&) {
        m_process = -1; // nothing is left that could be waited for
    }
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

std::string ChildProcess::complaint() const {
    std::string text(k_longest_complaint, '\0');
    text.resize(read_some_at(m_errors.get(), text.data(), text.size(), 0, "what a program complained of"));
    return text;
}

} // namespace nodespool::base
