// A memfd with a shell script.
#include "base/askpass.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3, younger than some C libraries
#endif

namespace nodespool::base {

namespace {

constexpr std::string_view k_name = "the askpass script";

Fd make_executable_memory() {
    Fd fd(::memfd_create("askpass", MFD_CLOEXEC | MFD_EXEC));
    if (!fd.is_open() && errno == EINVAL) // an older kernel, to which all of them are executable
        fd = Fd(::memfd_create("askpass", MFD_CLOEXEC));
    if (!fd.is_open())
        throw_errno("make an executable file in memory (see sysctl vm.memfd_noexec)");
    return fd;
}

std::string quoted(std::string_view text) {
    std::string result = "'";
    for (const char byte : text)
        result += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
    return result + "'";
}

/// printf is built into the shell: its arguments are in no process list.
std::string script_for(std::string_view password) {
    return "#!/bin/sh\n"
           "case $1 in *yes*no*|*passphrase*) exit 1;; esac\n"
           "read -r _ _ _ grandparent _ <\"/proc/$PPID/stat\" && [ \"$grandparent\" = " +
           std::to_string(process_id()) + " ] || exit 1\nprintf '%s\\n' " + quoted(password) + "\n";
}

} // namespace

Askpass::Askpass(std::string_view password) {
    const Fd writable = make_executable_memory();
    set_mode(writable.get(), 0500, k_name);
    write_all(writable.get(), script_for(password), k_name);
    // What is open for writing cannot be executed.
    m_script = open_at(k_cwd, "/proc/self/fd/" + std::to_string(writable.get()), O_RDONLY);
}

std::string Askpass::path() const {
    return "/proc/" + std::to_string(process_id()) + "/fd/" + std::to_string(m_script.get());
}

} // namespace nodespool::base
