// The netrc format, as ftp(1) and curl(1) read it: `machine HOST login USER password PASSWORD`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodespool::cli {

struct NetrcEntry {
    unsigned line = 0;
    std::string machine; ///< empty: `default`
    std::string login;   ///< empty: none is named
    std::string password;
};

/// Thrown by parse_netrc(). Neither text holds a login or a password.
struct NetrcError {
    unsigned line;
    std::string found;
    std::string expected;
};

/// The entries in the order of the file, `default` at its end as netrc(5) demands. Words may stand in double
/// quotes, with `\"`, `\\`, `\n`, `\r` and `\t` in them; `account` and macros (`macdef`, to the next empty
/// line) are skipped; a `#` where a keyword may stand begins a comment.
std::vector<NetrcEntry> parse_netrc(std::string_view text);

} // namespace nodespool::cli
