// By getent(1): getpwuid(3) and getgrnam(3) load what the site's name services need into the process, which a
// program that contains its C library cannot do.
#include "base/accounts.hpp"

#include "base/child_output.hpp"
#include "base/error.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <mutex>

namespace nodespool::base {

namespace {

/// A directory service may have to be asked.
constexpr std::chrono::seconds k_patience{10};
constexpr std::size_t k_most_bytes = 65536;

enum class Field { name = 0, number = 2 };

/// A field of the entry `NAME:PASSWORD:NUMBER:...`; empty where nobody knows it.
std::string field_of_entry(const std::string& database, const std::string& key, Field wanted) {
    std::string entry;
    try {
        ChildProcess child({"getent", database, key}, {}, Complaints::kept, Terminal::none);
        const std::optional<ChildOutput> output = output_within(child, k_most_bytes, k_patience);
        if (output && output->end.is_success())
            entry = output->text.substr(0, output->text.find('\n'));
    } catch (const SystemError&) {
        return {}; // a system without getent(1) has no service to ask
    }
    for (int skipped = 0; skipped < static_cast<int>(wanted); ++skipped)
        entry.erase(0, entry.find(':') == entry.npos ? entry.npos : entry.find(':') + 1);
    return entry.substr(0, entry.find(':'));
}

std::optional<gid_t> group_number(const std::string& group) {
    static std::mutex mutex;
    static std::map<std::string, std::optional<gid_t>> known; // for as long as the program runs
    const std::scoped_lock lock(mutex);
    const auto [entry, is_new] = known.try_emplace(group);
    if (is_new) {
        const std::string text = field_of_entry("group", group, Field::number);
        gid_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc{} && end == text.data() + text.size())
            entry->second = number;
    }
    return entry->second;
}

} // namespace

std::string user_name(uid_t uid) {
    const std::string name = field_of_entry("passwd", std::to_string(uid), Field::name);
    return name.empty() ? "uid " + std::to_string(uid) : name;
}

void give_to_group(int fd, const std::string& group) {
    const std::optional<gid_t> number = group_number(group);
    if (number && ::fchown(fd, static_cast<uid_t>(-1), *number) != 0 && errno != EPERM)
        throw_errno("give a file to group " + group);
}

} // namespace nodespool::base
