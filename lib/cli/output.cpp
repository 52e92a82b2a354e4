// Standard output over stdio, whose errors surface late: at a flush.
#include "cli/output.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace nodespool::cli {

OutputError::OutputError(int code)
    : base::Error(base::ErrorClass::io,
                  "cannot write to standard output: " + std::generic_category().message(code)),
      m_reader_is_gone(code == EPIPE) {}

void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
        throw OutputError(errno);
}

void flush_output() {
    // Where an earlier write failed and its error was not looked at, its errno is lost: it counts as EIO.
    const bool failed_before = std::ferror(stdout) != 0;
    if (std::fflush(stdout) != 0)
        throw OutputError(errno);
    if (failed_before)
        throw OutputError(EIO);
}

} // namespace nodespool::cli
