// Names made of time, host, process and a count.
#include "base/unique_name.hpp"

#include "base/file_system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>

namespace nodespool::base {

namespace {

std::string host_for_names() {
    std::string host = host_name();
    std::replace_if(
        host.begin(), host.end(),
        [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.';
        },
        '_');
    return host.substr(0, 64);
}

} // namespace

std::string unique_name(const Clock& clock) {
    static std::atomic<unsigned> counter{0};
    static const std::string host = host_for_names();
    const Timestamp now = clock.now();
    return fmt::format("{}.{:06}-{}-{}-{}", format_stamp(now), now.nanoseconds / 1000, host, process_id(),
                       ++counter);
}

} // namespace nodespool::base
