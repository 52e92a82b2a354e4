// The kinds of content checksums, as a link file's `checksum` line and the configuration name them.
#pragma once

#include <optional>
#include <string_view>

namespace nodespool::base {

enum class ChecksumKind { none, sha256, xxh3 };

std::string_view to_string(ChecksumKind kind);
std::optional<ChecksumKind> checksum_kind_of(std::string_view name);

/// The kind of a written checksum `KIND:HEX`; nullopt where this version does not know it.
std::optional<ChecksumKind> kind_of_checksum(std::string_view checksum);

} // namespace nodespool::base
