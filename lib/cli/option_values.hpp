// Values of options as text: checked readers whose errors name the option, what was found and what was
// expected.
#pragma once

#include "cli/program.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::cli {

/// The text of an option that was declared as po::value<std::string>(); nullopt where it was not given.
std::optional<std::string> text_of(const Invocation& invocation, const std::string& option);

/// A whole number from @p least to @p most; nullopt where the option was not given.
/// @throws base::Error usage: "option --max-jobs: found 'x', expected a number from 1 to 10"
std::optional<std::uint64_t> number_of(const Invocation& invocation, const std::string& option,
                                       std::uint64_t least, std::uint64_t most);

/// Bytes: a number with an optional suffix K, M, G or T (powers of 1024); nullopt where not given.
std::optional<std::uint64_t> bytes_of(const Invocation& invocation, const std::string& option);

/// Digits only, within the bounds; nullopt for anything else.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);

/// @throws base::Error usage
[[noreturn]] void throw_bad_option(const std::string& option, std::string_view found,
                                   std::string_view expected);

} // namespace nodespool::cli
