// Counts what a Source gives.
#include "node/sized_source.hpp"

namespace nodespool::node {

std::size_t SizedSource::read(std::span<char> into) {
    const std::size_t got = m_source.read(into);
    count(got);
    return got;
}

std::span<const char> SizedSource::next(std::span<char> space) {
    const std::span<const char> bytes = m_source.next(space);
    count(bytes.size());
    return bytes;
}

void SizedSource::count(std::size_t got) {
    m_bytes_read += got;
    if (m_bytes_read > m_size_bytes || (got == 0 && m_bytes_read < m_size_bytes))
        throw base::Error(
            base::ErrorClass::io,
            "the file to be sent changed: it was to have " + std::to_string(m_size_bytes) + " bytes and " +
                (got == 0 ? "ended after " + std::to_string(m_bytes_read) : "holds more than that"));
}

void SizedSource::rewind() {
    m_source.rewind();
    m_bytes_read = 0;
}

} // namespace nodespool::node
