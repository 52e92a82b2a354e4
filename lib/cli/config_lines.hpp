// The lines of an INI file, split and located, not yet understood.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodespool::cli {

struct ConfigEntry {
    unsigned line = 0;
    std::string key;
    std::string value; ///< without the blanks around it; may hold `#`, `;` and `=`
};

struct ConfigSection {
    unsigned line = 0;
    std::string name;
    std::vector<ConfigEntry> entries; ///< no key twice
};

/// "FILE:LINE: found FOUND, expected EXPECTED", of class config. @p found never quotes a value that may hold
/// a password.
[[noreturn]] void throw_config_error(const std::string& file, unsigned line, const std::string& found,
                                     const std::string& expected);

/// @p text as it may stand in a message: quoted, and left out where it does not look like a key.
std::string quoted_key(std::string_view text);

/// Splits @p text. A comment is a line whose first non-blank is `#` or `;`; CRLF is accepted. Refuses control
/// bytes, lines that are neither comment, `[section]` nor `key = value`, and sections and keys that come
/// twice.
std::vector<ConfigSection> split_config(const std::string& text, const std::string& file);

} // namespace nodespool::cli
