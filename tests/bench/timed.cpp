// The stop watch: timed RESULT CMD...  runs CMD and writes "STATUS SECONDS CPU-SECONDS PEAK-RSS-KIB" to the
// file RESULT. CPU seconds are those of CMD and of all children that it waited for; the peak is that of the
// largest of these processes. CMD is started from this small process, because the kernel counts what a
// process held before its exec.
#include "small_things.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>

namespace {

pid_t child = 0; // for the signal handler

void kill_child(int) {
    kill(-child, SIGKILL);
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4)
        bench::fail("usage: timed RESULT LIMIT CMD...");
    const auto start = std::chrono::steady_clock::now();
    child = fork();
    if (child < 0)
        bench::fail_errno("fork");
    if (child == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing stays behind when the benchmark itself is killed
        execvp(argv[3], argv + 3);
        std::perror(argv[3]);
        _exit(127);
    }
    setpgid(child, child); // whichever of the two comes first
    for (const int signal_number : {SIGALRM, SIGTERM, SIGINT})
        std::signal(signal_number, kill_child);
    alarm(static_cast<unsigned>(std::atoi(argv[2])));
    int status = 0;
    rusage usage{};
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            bench::fail_errno("wait4");
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

    std::FILE* result = std::fopen(argv[1], "w");
    if (result == nullptr)
        bench::fail_errno(argv[1]);
    const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::fprintf(result, "%d %.6f %.6f %ld\n", exit_status, elapsed.count(),
                 seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), usage.ru_maxrss);
    return std::fclose(result) == 0 ? 0 : 1;
}
