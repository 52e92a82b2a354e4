// A Source that is held to the size it promised.
#pragma once

#include "node/session.hpp"

namespace nodespool::node {

/// Reads a Source and throws base::Error where it turns out shorter or longer than its size_bytes(): the file
/// on the cluster server changed while it was read, and no node is to blame.
class SizedSource {
  public:
    explicit SizedSource(Source& source) : m_source(source), m_size_bytes(source.size_bytes()) {}

    /// Fills the front of @p into; 0 at the end, which is exactly after size_bytes().
    std::size_t read(std::span<char> into);
    /// As Source::next().
    std::span<const char> next(std::span<char> space);
    void rewind();

    [[nodiscard]] std::uint64_t size_bytes() const { return m_size_bytes; }

  private:
    void count(std::size_t got);

    Source& m_source;
    std::uint64_t m_size_bytes;
    std::uint64_t m_bytes_read = 0;
};

} // namespace nodespool::node
