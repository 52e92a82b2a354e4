// Cluster paths as text: the %XX codec and what a cluster path may look like.
#include "base/path_name.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::base {

namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

bool is_continuation(std::string_view text, std::size_t at) {
    return at < text.size() && (byte_at(text, at) & 0xC0) == 0x80;
}

/// Length of the well-formed UTF-8 sequence at @p at (RFC 3629 §4), or 0.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const unsigned char lead = byte_at(text, at);
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return is_continuation(text, at + 1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (!is_continuation(text, at + 1) || !is_continuation(text, at + 2))
            return 0;
        const unsigned char second = byte_at(text, at + 1);
        const bool overlong = lead == 0xE0 && second < 0xA0;
        const bool surrogate = lead == 0xED && second > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (!is_continuation(text, at + 1) || !is_continuation(text, at + 2) ||
            !is_continuation(text, at + 3))
            return 0;
        const unsigned char second = byte_at(text, at + 1);
        const bool overlong = lead == 0xF0 && second < 0x90;
        const bool beyond_unicode = lead == 0xF4 && second > 0x8F;
        return overlong || beyond_unicode ? 0 : 4;
    }
    return 0;
}

bool is_control(std::string_view text, std::size_t at, std::size_t length) {
    const unsigned char lead = byte_at(text, at);
    if (length == 1)
        return lead < 0x20 || lead == 0x7F;
    return length == 2 && lead == 0xC2 && byte_at(text, at + 1) < 0xA0; // C1: U+0080..U+009F
}

int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/// Does the character at @p at have to be written as %XX? (a `%` itself always)
bool needs_encoding(std::string_view text, std::size_t at, std::size_t length) {
    const char c = text[at];
    return length == 0 || is_control(text, at, length) || c == ' ' || c == '%' || c == '=' ||
           (c == '#' && at == 0);
}

} // namespace

std::string encode_name(std::string_view raw) {
    std::string word;
    word.reserve(raw.size() + 8);
    for (std::size_t at = 0; at < raw.size();) {
        const std::size_t length = utf8_length(raw, at);
        const std::size_t step = length == 0 ? 1 : length;
        if (needs_encoding(raw, at, length))
            for (std::size_t i = at; i < at + step; ++i)
                word += fmt::format("%{:02X}", byte_at(raw, i));
        else
            word.append(raw.substr(at, step));
        at += step;
    }
    return word;
}

std::string decode_name(std::string_view word) {
    std::string raw;
    raw.reserve(word.size());
    for (std::size_t at = 0; at < word.size();) {
        if (word[at] == '%') {
            const int high = at + 1 < word.size() ? hex_value(word[at + 1]) : -1;
            const int low = at + 2 < word.size() ? hex_value(word[at + 2]) : -1;
            if (high < 0 || low < 0)
                throw NameError{at, "'" + printable(word.substr(at, 3)) + "'", "'%' and two hex digits"};
            raw += static_cast<char>(high * 16 + low);
            at += 3;
            continue;
        }
        const std::size_t length = utf8_length(word, at);
        if (needs_encoding(word, at, length)) {
            const std::string encoded = fmt::format("%{:02X}", byte_at(word, at));
            throw NameError{at,
                            "a raw " + (length == 0 ? "byte that is not UTF-8"
                                                    : "'" + printable(word.substr(at, 1)) + "'"),
                            "it written as " + encoded};
        }
        raw.append(word.substr(at, length));
        at += length;
    }
    return raw;
}

std::string why_not_a_cluster_path(std::string_view raw) {
    if (raw.empty())
        return "an empty path";
    if (raw.front() == '/')
        return "an absolute path";
    if (raw.find('\0') != raw.npos)
        return "a NUL byte";
    if (raw.size() > 4000)
        return "a path of more than 4000 bytes";
    if (raw.front() == '.' && raw != "." && raw != ".." && !raw.starts_with("./") && !raw.starts_with("../"))
        return "a name that begins with a dot at the top of the file space";
    std::size_t start = 0;
    while (start <= raw.size()) {
        std::size_t end = raw.find('/', start);
        if (end == raw.npos)
            end = raw.size();
        const std::string_view component = raw.substr(start, end - start);
        if (component.empty())
            return "an empty component";
        if (component == "." || component == "..")
            return "a '" + std::string(component) + "' component";
        if (component.starts_with(".nodespool-"))
            return "a component that begins with '.nodespool-'";
        if (component.size() > 255)
            return "a component of more than 255 bytes";
        start = end + 1;
    }
    return {};
}

bool is_node_name(std::string_view name) {
    const auto letter_or_digit = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !name.empty() && letter_or_digit(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return letter_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}

std::string printable(std::string_view text) {
    std::string line;
    line.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        const std::size_t step = length == 0 ? 1 : length;
        if (length == 0 || is_control(text, at, length))
            for (std::size_t i = at; i < at + step; ++i)
                line += fmt::format("\\x{:02X}", byte_at(text, i));
        else
            line.append(text.substr(at, step));
        at += step;
    }
    return line;
}

} // namespace nodespool::base
