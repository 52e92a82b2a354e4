// Errors of the cluster server: texts and classes of failed system calls.
#include "base/error.hpp"

#include <cerrno>
#include <new>
#include <system_error>

namespace nodespool::base {

namespace {

ErrorClass class_of_errno(int code) {
    switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
        return ErrorClass::permission;
    default:
        return ErrorClass::io;
    }
}

/// What an operator can look at.
std::string_view limit_of_errno(int code) {
    switch (code) {
    case EMFILE:
        return " (limit: ulimit -n, or LimitNOFILE= of a service)";
    case ENFILE:
        return " (limit: sysctl fs.file-max)";
    default:
        return "";
    }
}

} // namespace

SystemError::SystemError(std::string_view doing, int code)
    : Error(class_of_errno(code), "cannot " + std::string(doing) + ": " +
                                      std::generic_category().message(code) +
                                      std::string(limit_of_errno(code))),
      m_code(code) {}

std::string message_of(const std::exception& error) {
    return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "out of memory" : error.what();
}

void throw_errno(std::string_view doing) {
    throw SystemError(doing, errno);
}

void ensure(bool holds, std::string_view what_must_hold) {
    if (!holds)
        throw Error(ErrorClass::bug, "internal error: " + std::string(what_must_hold));
}

} // namespace nodespool::base
