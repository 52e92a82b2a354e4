// Content digests: what makes a checksum of a stream of bytes.
#pragma once

#include "base/checksum.hpp"

#include <memory>
#include <span>
#include <string>

namespace nodespool::base {

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
