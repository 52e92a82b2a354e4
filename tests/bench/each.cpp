// An upload server's part: each NAMES CMD...  runs CMD NAME for each line of the file NAMES, one after
// another, as pure-uploadscript does. Ends with 1 at the first that fails.
#include "small_things.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <vector>

int main(int argc, char** argv) {
    if (argc < 3)
        bench::fail("usage: each NAMES CMD...");
    std::ifstream names(argv[1]);
    if (!names)
        bench::fail_errno(argv[1]);
    std::vector<char*> command(argv + 2, argv + argc);
    command.push_back(nullptr);
    command.push_back(nullptr);
    std::string name;
    while (std::getline(names, name)) {
        command[command.size() - 2] = name.data();
        pid_t child = 0;
        if (const int error = posix_spawnp(&child, command[0], nullptr, nullptr, command.data(), environ);
            error != 0) {
            errno = error;
            bench::fail_errno(command[0]);
        }
        int status = 0;
        if (waitpid(child, &status, 0) < 0)
            bench::fail_errno("waitpid");
        if (status != 0)
            bench::fail(std::string(command[0]) + " " + name + " failed");
    }
    return 0;
}
