// The name of a new copy on a node.
#pragma once

#include "base/timestamp.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::processor {

/// `DD/DD/YYYYMMDD-HHMMSS-RRRRRRRRRRRRRRRR-REST`: two numbered directories (00..63), UTC, 64 random bits, and
/// what can be read of the file's own name (at most 100 bytes of [A-Za-z0-9._-]). Used once, ever: so no late
/// removal and no second sender can touch a live copy.
std::string copy_name(std::string_view path, base::Timestamp now, std::uint64_t random_bits);

} // namespace nodespool::processor
