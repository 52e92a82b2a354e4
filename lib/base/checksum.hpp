// Content checksums: what a link file's `checksum` line holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nodespool::base {

enum class ChecksumKind { none, sha256, xxh3 };

std::string_view to_string(ChecksumKind kind);
std::optional<ChecksumKind> checksum_kind_of(std::string_view name);

/// The kind of a written checksum `KIND:HEX`; nullopt where this version does not know it.
std::optional<ChecksumKind> kind_of_checksum(std::string_view checksum);

/// XXH3 of @p text: the same in every process and version, for lock numbers and temporary names.
std::uint64_t stable_hash(std::string_view text);

/// Digests one stream of bytes. sha256 by OpenSSL (FIPS 180-4), xxh3 as 64-bit XXH3 by libxxhash (not
/// cryptographic: it finds damage, not forgery).
class Digest {
  public:
    explicit Digest(ChecksumKind kind);
    Digest(Digest&&) noexcept;
    Digest& operator=(Digest&&) noexcept;
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    ~Digest();

    void update(std::span<const char> bytes);
    /// Forgets everything: a new stream begins.
    void restart();
    /// `sha256:HEX`, `xxh3:HEX`, or "" for ChecksumKind::none. Once per stream.
    [[nodiscard]] std::string finish();

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace nodespool::base
