// netrc files: entries are read as they were written, and no error shows a login or a password.
#include "cli/netrc.hpp"

#include "base/error.hpp"
#include "cli/secrets.hpp"
#include "fuzz/fuzzer.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <optional>
#include <vector>

using namespace nodespool;
using cli::NetrcEntry;
using fuzz::demand;

namespace {

/// Stands in the inputs where a login or a password would.
constexpr std::string_view k_secret = "S3cr3t";

std::optional<std::vector<NetrcEntry>> parse(std::string_view text) {
    try {
        return cli::parse_netrc(text);
    } catch (const cli::NetrcError& error) {
        const std::string message = error.found + ", expected " + error.expected;
        fuzz::demand_printable(message, "an error can be shown");
        demand(message.find(k_secret) == message.npos, "no error shows a secret", message);
        demand(error.line >= 1 && error.line <= fuzz::lines_of(text).size(), "the line is one of the file",
               message);
        return std::nullopt;
    }
}

std::string in_quotes(std::string_view word) {
    std::string text = "\"";
    for (const char byte : word) {
        switch (byte) {
        case '\n':
            text += "\\n";
            break;
        case '"':
        case '\\':
            text += '\\';
            [[fallthrough]];
        default:
            text += byte;
        }
    }
    return text + '"';
}

/// A line an entry, each word in quotes.
std::string format(const std::vector<NetrcEntry>& entries) {
    std::string text;
    for (const NetrcEntry& entry : entries)
        text += (entry.machine.empty() ? "default" : "machine " + in_quotes(entry.machine)) + " login " +
                in_quotes(entry.login) + " password " + in_quotes(entry.password) + '\n';
    return text;
}

void check_entries(const std::vector<NetrcEntry>& entries, std::string_view text) {
    const std::size_t lines = fuzz::lines_of(text).size();
    unsigned before = 1;
    for (const NetrcEntry& entry : entries) {
        demand(entry.line >= before && entry.line <= lines, "entries stand in the order of their lines",
               text);
        before = entry.line;
    }
    const std::optional<std::vector<NetrcEntry>> again = parse(format(entries));
    demand(again && again->size() == entries.size(), "entries that are written again are as many", text);
    for (std::size_t i = 0; i < entries.size(); ++i)
        demand((*again)[i].machine == entries[i].machine && (*again)[i].login == entries[i].login &&
                   (*again)[i].password == entries[i].password && (*again)[i].line == i + 1,
               "an entry that is written again reads the same", entries[i].machine);
}

bool has_control_byte(std::string_view text) {
    return text.find_first_of("\r\n\t\x7F\x1B") != text.npos || text.find('\0') != text.npos;
}

/// What a session would log in with; the file is the input, and only its owner can read it.
void check_login(const std::string& file, const std::vector<NetrcEntry>* entries) {
    try {
        const cli::Login login = cli::login_from_netrc(file, "h", "");
        demand(entries != nullptr, "a login comes from a file that was understood");
        demand(!login.password.empty(), "a login has a password");
        demand(!has_control_byte(login.user) && !has_control_byte(login.password),
               "a login breaks no command");
    } catch (const base::Error& error) {
        const std::string_view message = error.what();
        demand(error.error_class() == base::ErrorClass::config, "an error is one of the configuration");
        fuzz::demand_printable(message, "an error can be shown");
        demand(message.starts_with("the netrc file " + file + ' '), "an error names the file", message);
        demand(message.find(k_secret) == message.npos, "no error shows a secret", message);
    }
}

} // namespace

/// The file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::TempDir dir;
    const std::string_view text = fuzz::text_of(data, size);
    const std::optional<std::vector<NetrcEntry>> entries = parse(text);
    if (entries)
        check_entries(*entries, text);
    const std::string file = dir / "netrc";
    test::write_file(file, text);
    std::filesystem::permissions(file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    check_login(file, entries ? &*entries : nullptr);
    return 0;
}
