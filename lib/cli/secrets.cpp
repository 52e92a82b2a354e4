// Reading of passwords, and checking that nobody else can.
#include "cli/secrets.hpp"

#include "base/accounts.hpp"
#include "base/child_output.hpp"
#include "base/error.hpp"
#include "base/path_name.hpp"
#include "cli/cluster_root.hpp"
#include "cli/netrc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace nodespool::cli {

namespace {

constexpr std::size_t k_longest_password = 4096;

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
    throw base::Error(base::ErrorClass::config, what + " " + why);
}

std::string read_secret_file(const std::string& path, const std::string& what) {
    std::optional<ReadFile> file = read_small_file(path);
    if (!file)
        refuse(what, "does not exist");
    if ((file->status.mode & 0077U) != 0)
        refuse(what,
               fmt::format(
                   "(owner {}, mode {:04o}) can be read by others than its owner: refused; chmod 0600 it",
                   base::user_name(file->status.uid), file->status.mode));
    return std::move(file->text);
}

bool has_control_byte(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; });
}

std::string first_line(const std::string& text, const std::string& what) {
    std::string password = text.substr(0, text.find('\n'));
    if (password.ends_with('\r'))
        password.pop_back();
    if (password.empty())
        refuse(what, "has no password in its first line");
    if (has_control_byte(password))
        refuse(what, "has a control byte in its first line");
    if (password.size() > k_longest_password)
        refuse(what, fmt::format("has more than {} bytes in its first line", k_longest_password));
    return password;
}

/// Entries that name no user are anyone's, and the last resort of a host is `default`.
bool fits(const NetrcEntry& entry, const std::string& host, const std::string& user) {
    return (entry.machine.empty() || entry.machine == host) &&
           (user.empty() || entry.login.empty() || entry.login == user);
}

} // namespace

std::string password_from_file(const std::string& path) {
    const std::string what = "the password file " + base::printable(path);
    return first_line(read_secret_file(path, what), what);
}

Login login_from_netrc(const std::string& path, const std::string& host, const std::string& user) {
    const std::string what = "the netrc file " + base::printable(path);
    const std::string text = read_secret_file(path, what);
    std::vector<NetrcEntry> entries;
    try {
        entries = parse_netrc(text);
    } catch (const NetrcError& error) {
        refuse(what, fmt::format("line {}: found {}, expected {}", error.line, error.found, error.expected));
    }
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const NetrcEntry& candidate) { return fits(candidate, host, user); });
    const std::string wanted = "host '" + host + "'" + (user.empty() ? "" : " and user '" + user + "'");
    if (entry == entries.end())
        refuse(what, "has no entry for " + base::printable(wanted));
    if (entry->password.empty())
        refuse(what, fmt::format("line {}: the entry for {} has no password", entry->line,
                                 base::printable(wanted)));
    if (has_control_byte(entry->login) || has_control_byte(entry->password))
        refuse(what,
               fmt::format("line {}: the entry has a control byte in its login or password", entry->line));
    return {entry->login, entry->password};
}

std::string password_from_command(const std::string& command, const std::string& what,
                                  std::chrono::milliseconds patience) {
    base::ChildProcess child({"/bin/sh", "-c", command}, {}, base::Complaints::passed_on,
                             base::Terminal::none);
    const auto output = base::output_within(child, k_longest_password + 2, patience);
    if (!output)
        refuse(what, fmt::format("did not end within {} s",
                                 std::chrono::ceil<std::chrono::seconds>(patience).count()));
    if (!output->end.is_success())
        refuse(what, "failed: " + output->end.text());
    return first_line(output->text, "the output of " + what);
}

} // namespace nodespool::cli
