// The log: one line per event, key=value, to stderr, syslog or a file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nodespool::base {

enum class LogLevel { debug, info, warning, error };

using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Where lines go. Until configured: warnings and errors to stderr.
struct LogTarget {
    enum class Kind { standard_error, syslog, file };
    Kind kind = Kind::standard_error;
    std::string path; ///< of Kind::file: absolute, opened for append
};

/// @throws Error cannot_create where the log file cannot be opened
void configure_log(const std::string& program, const LogTarget& target, LogLevel least);

/// Lines to stderr wipe the terminal's current line first: a progress bar stands there.
void share_terminal_with_progress();

/// Writes `TIME LEVEL PROGRAM key=value ...`. Values with blanks, quotes or `=` are quoted; control
/// characters and broken UTF-8 come out as `\xHH`, so that no name can forge a line.
void log(LogLevel level, const LogFields& fields);
/// A plain message: `msg="..."`.
void log(LogLevel level, const std::string& message);

} // namespace nodespool::base
