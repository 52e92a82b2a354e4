// The kernel's calls themselves, past every interposed function.
#pragma once

#include <dlfcn.h>
#include <sys/syscall.h>

#include <cstdint>

namespace shim {

/// syscall(2) of the C library, which this library interposes.
template <typename... Arguments>
long real(long number, Arguments... arguments) {
    using Function = long (*)(long, ...);
    static const auto function = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "syscall"));
    return function(number, arguments...);
}

} // namespace shim
