// Checked readers of option values.
#include "cli/option_values.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"

#include <charconv>

namespace nodespool::cli {

namespace {

/// "-j" is the key of an option without a long name, "jobs" of one with.
std::string as_typed(const std::string& option) {
    return option.starts_with('-') ? option : "--" + option;
}

/// The power of two that a suffix stands for; nullopt where it is none.
std::optional<unsigned> shift_of_suffix(char suffix) {
    switch (suffix) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    case 'T':
    case 't':
        return 40;
    default:
        return std::nullopt;
    }
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty())
        if (const auto suffix = shift_of_suffix(text.back())) {
            shift = *suffix;
            text.remove_suffix(1);
        }
    const auto number = parse_number(text, 1, std::numeric_limits<std::uint64_t>::max() >> shift);
    return number ? std::optional(*number << shift) : std::nullopt;
}

} // namespace

void throw_bad_option(const std::string& option, std::string_view found, std::string_view expected) {
    throw base::Error(base::ErrorClass::usage, "option " + as_typed(option) + ": found '" +
                                                   base::printable(found) + "', expected " +
                                                   std::string(expected));
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || error != std::errc() || stop != end || number < least || number > most)
        return std::nullopt;
    return number;
}

std::optional<std::string> text_of(const Invocation& invocation, const std::string& option) {
    if (!invocation.has(option))
        return std::nullopt;
    return invocation.options[option].as<std::string>();
}

std::optional<std::uint64_t> number_of(const Invocation& invocation, const std::string& option,
                                       std::uint64_t least, std::uint64_t most) {
    const auto text = text_of(invocation, option);
    if (!text)
        return std::nullopt;
    const auto number = parse_number(*text, least, most);
    if (!number) {
        const bool bounded = most != std::numeric_limits<std::uint64_t>::max();
        throw_bad_option(option, *text,
                         bounded ? "a number from " + std::to_string(least) + " to " + std::to_string(most)
                                 : "a number of at least " + std::to_string(least));
    }
    return number;
}

std::optional<std::uint64_t> bytes_of(const Invocation& invocation, const std::string& option) {
    const auto text = text_of(invocation, option);
    if (!text)
        return std::nullopt;
    const auto bytes = parse_bytes(*text);
    if (!bytes)
        throw_bad_option(option, *text, "a number of bytes above 0, as 500K, 20M or 1G");
    return bytes;
}

} // namespace nodespool::cli
