// Errors of the cluster server: what went wrong, in a class that decides the exit status.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nodespool::base {

/// What kind of failure an error is. lib/cli maps each to one exit status (sysexits.h); nothing else does.
enum class ErrorClass {
    usage,         ///< the command line is wrong
    config,        ///< the configuration is wrong or unsafe
    permission,    ///< this user may not do that
    cannot_create, ///< an output file or directory cannot be made
    io,            ///< reading, writing or locking on the cluster server failed
    bad_input,     ///< a line or file that was read cannot be understood
    bug            ///< nodespool broke a promise to itself
};

/// Anything that stops an operation. what() is a whole sentence for an operator: it names the file (and line)
/// and says what to do where that is known. It never holds a password.
class Error : public std::runtime_error {
  public:
    Error(ErrorClass error_class, const std::string& message)
        : std::runtime_error(message),
          m_class(error_class) {}
    [[nodiscard]] ErrorClass error_class() const { return m_class; }

  private:
    ErrorClass m_class;
};

/// A system call that failed: "cannot DO OBJECT: REASON".
class SystemError : public Error {
  public:
    /// @param doing  what was attempted and on which file, as in "open /var/spool/x"
    /// @param code   errno of the call
    SystemError(std::string_view doing, int code);
    [[nodiscard]] int code() const { return m_code; }

  private:
    int m_code;
};

/// The file system cannot lock: nodespool never runs unlocked.
class CannotLock : public SystemError {
  public:
    using SystemError::SystemError;
};

/// What to say of @p error: its own words, or that there was no memory.
std::string message_of(const std::exception& error);

/// Throws SystemError for the current errno.
[[noreturn]] void throw_errno(std::string_view doing);

/// Throws a `bug` error unless @p holds.
void ensure(bool holds, std::string_view what_must_hold);

} // namespace nodespool::base
