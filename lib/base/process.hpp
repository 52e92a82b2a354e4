// This process as a whole: its standard streams, its executable, and becoming another program.
#pragma once

#include <string>
#include <vector>

namespace nodespool::base {

/// Opens /dev/null on each of the descriptors 0, 1 and 2 that is closed, the wrong way round, so that its use
/// still fails: no file that is opened later can land on a number that messages are written to. First thing
/// in a program.
void guard_standard_streams();

/// The descriptors of the standard streams (POSIX: STDIN_FILENO and so on).
constexpr int k_standard_input = 0;
constexpr int k_standard_output = 1;
constexpr int k_standard_error = 2;
bool is_terminal(int fd);

/// Absolute path of the running executable.
std::string executable_path();

/// execv(2): @p arguments[0] is the name the program sees. Returns false where there is no such executable
/// file.
bool become_program(const std::string& path, const std::vector<std::string>& arguments);
/// execvp(3): looks for @p arguments[0] in PATH; false where it is not there.
bool become_program(const std::vector<std::string>& arguments);

} // namespace nodespool::base
