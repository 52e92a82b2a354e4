// By libxxhash, whose values are fixed (its XXH3 is stable since 0.8.0).
#include "base/stable_hash.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace nodespool::base {

std::uint64_t stable_hash(std::string_view text) {
    return XXH3_64bits(text.data(), text.size());
}

std::string stable_hash_hex(std::string_view text) {
    const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

} // namespace nodespool::base
