// Hashes that are the same in every process and version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::base {

/// XXH3 of @p text: for lock numbers and temporary names.
std::uint64_t stable_hash(std::string_view text);

/// 128-bit XXH3 of @p text in 32 hexadecimal digits: for names that two texts never share by chance. It is no
/// proof of anything (not cryptographic).
std::string stable_hash_hex(std::string_view text);

} // namespace nodespool::base
