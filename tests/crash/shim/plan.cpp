// Reading the plan, and carrying it out.
#include "plan.hpp"

#include "real.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace shim {

namespace {

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

[[noreturn]] void give_up(const char* why) {
    std::fprintf(stderr, "crash shim: %s\n", why);
    std::_Exit(99);
}

std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const std::string_view text = variable(name);
    return text.empty() ? otherwise : std::strtoull(text.data(), nullptr, 10);
}

std::uint64_t* shared_counter(std::string_view path) {
    const long fd = real(SYS_openat, AT_FDCWD, std::string(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || real(SYS_ftruncate, static_cast<int>(fd), sizeof(std::uint64_t)) != 0)
        give_up("cannot make the file of NODESPOOL_SHIM_COUNT");
    void* const memory =
        ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(fd), 0);
    real(SYS_close, static_cast<int>(fd));
    if (memory == MAP_FAILED)
        give_up("cannot map the file of NODESPOOL_SHIM_COUNT");
    return static_cast<std::uint64_t*>(memory);
}

} // namespace

const Plan& Plan::get() {
    static const Plan plan;
    return plan;
}

Plan::Plan() {
    const std::string_view program = variable("NODESPOOL_SHIM_PROGRAM");
    m_on = !program.empty() && program == program_invocation_short_name;
    if (!m_on)
        return;
    m_at = number("NODESPOOL_SHIM_AT", 0);
    m_kinds = static_cast<unsigned>(number("NODESPOOL_SHIM_KINDS", k_changes));
    m_holds_on = variable("NODESPOOL_SHIM_HOLDS") == "on";
    m_loses = variable("NODESPOOL_SHIM_LOSES") == "yes";
    m_record = variable("NODESPOOL_SHIM_RECORD");
    const std::string_view what = variable("NODESPOOL_SHIM_DO");
    m_kill = what == "kill";
    m_short = what == "short";
    if (!m_kill && !m_short)
        m_errno = static_cast<int>(number("NODESPOOL_SHIM_DO", 0));
    if (m_at != 0 && !m_kill && !m_short && m_errno == 0)
        give_up("NODESPOOL_SHIM_DO must be kill, short or an error number");
    if (const std::string_view path = variable("NODESPOOL_SHIM_COUNT"); !path.empty()) {
        m_count = shared_counter(path);
        m_world = path.substr(0, path.rfind('/') + 1);
    }
}

Then Plan::before(Kind kind) const {
    if (!counts(kind))
        return Then::go_on;
    const std::uint64_t count = std::atomic_ref(*m_count).fetch_add(1) + 1;
    if (m_at == 0 || count < m_at || (count > m_at && !m_holds_on))
        return Then::go_on;
    if (m_kill) {
        real(SYS_kill, static_cast<int>(real(SYS_getpid)), SIGKILL);
        for (;;)
            real(SYS_pause);
    }
    if (m_short)
        return Then::be_short;
    errno = m_errno;
    return Then::fail;
}

} // namespace shim
