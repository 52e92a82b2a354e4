// The ring buffer.
#include "processor/relay.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

constexpr std::uint64_t k_ring_bytes = 2UL * 1024 * 1024;
constexpr std::size_t k_least_room_bytes = 128UL * 1024;

/// Calls @p copy(offset in the ring, offset in the bytes, length) for the one or two pieces of a stretch.
template <typename Copy>
void in_pieces(std::uint64_t position, std::size_t length, std::size_t ring, Copy&& copy) {
    const auto start = static_cast<std::size_t>(position % ring);
    const std::size_t first = std::min(length, ring - start);
    copy(start, std::size_t{0}, first);
    if (first < length)
        copy(std::size_t{0}, first, length - first);
}

} // namespace

Relay::Relay(std::uint64_t size_bytes, std::size_t targets)
    : m_size(size_bytes),
      m_ring(static_cast<std::size_t>(std::clamp<std::uint64_t>(size_bytes, 1, k_ring_bytes))) {
    for (std::size_t i = 0; i < targets; ++i)
        m_readers.push_back(std::make_unique<Reader>(*this));
}

bool Relay::has_reader() const {
    return std::any_of(m_readers.begin(), m_readers.end(),
                       [](const auto& reader) { return !reader->has_left; });
}

/// What may be written without overwriting what a reader has yet to see.
std::size_t Relay::free_bytes() const {
    std::uint64_t oldest = m_written;
    for (const auto& reader : m_readers)
        if (!reader->has_left)
            oldest = std::min(oldest, reader->position - reader->held);
    return m_ring.size() - static_cast<std::size_t>(m_written - oldest);
}

std::span<char> Relay::room(std::span<char> space) {
    std::unique_lock lock(m_mutex);
    if (m_written == m_size)
        return space;
    // Not the first few bytes that are free: that would be many small pieces.
    const std::size_t wanted = std::min(
        {space.size(), k_least_room_bytes, m_ring.size(), static_cast<std::size_t>(m_size - m_written)});
    m_has_room.wait(lock, [&] { return !has_reader() || free_bytes() >= wanted; });
    if (!has_reader())
        throw NoReader{};
    const auto start = static_cast<std::size_t>(m_written % m_ring.size());
    const std::size_t length = std::min({space.size(), free_bytes(), m_ring.size() - start});
    m_claimed = std::max(m_claimed, m_written + length);
    return {m_ring.data() + start, length};
}

void Relay::write(std::span<const char> bytes) {
    while (!bytes.empty()) {
        std::size_t length = 0;
        {
            std::unique_lock lock(m_mutex);
            m_has_room.wait(lock, [&] { return !has_reader() || free_bytes() > 0; });
            if (!has_reader())
                throw NoReader{};
            length = std::min(bytes.size(), free_bytes());
            m_claimed = std::max(m_claimed, m_written + length);
        }
        // No reader looks at this stretch before m_written has passed it.
        in_pieces(m_written, length, m_ring.size(), [&](std::size_t at, std::size_t from, std::size_t count) {
            if (bytes.data() + from != m_ring.data() + at) // else they are in place
                std::copy_n(bytes.data() + from, count, m_ring.data() + at);
        });
        bytes = bytes.subspan(length);
        const std::scoped_lock lock(m_mutex);
        m_written += length;
        m_has_bytes.notify_all();
    }
}

void Relay::close() {
    const std::scoped_lock lock(m_mutex);
    m_is_closed = true;
    m_has_bytes.notify_all();
}

std::size_t Relay::read(Reader& reader, std::span<char> into) {
    const std::span<const char> bytes = next(reader, into.size());
    std::copy(bytes.begin(), bytes.end(), into.begin());
    const std::scoped_lock lock(m_mutex);
    release(reader);
    return bytes.size();
}

void Relay::release(Reader& reader) {
    if (reader.held == 0)
        return;
    reader.held = 0;
    m_has_room.notify_one();
}

/// The writer waits for this reader before it overwrites what was given it.
std::span<const char> Relay::next(Reader& reader, std::size_t most) {
    std::unique_lock lock(m_mutex);
    reader.has_begun = true;
    release(reader);
    m_has_bytes.wait(lock,
                     [&] { return m_is_closed || m_written > reader.position || m_size == reader.position; });
    if (reader.position == m_size)
        return {};
    if (m_written == reader.position)
        throw SourceLost{};
    const auto start = static_cast<std::size_t>(reader.position % m_ring.size());
    const auto there = static_cast<std::size_t>(m_written - reader.position);
    reader.held = std::min({most, there, m_ring.size() - start});
    reader.position += reader.held;
    return std::span(m_ring).subspan(start, reader.held);
}

void Relay::rewind(Reader& reader) {
    const std::scoped_lock lock(m_mutex);
    if (m_claimed > m_ring.size() && reader.position > 0)
        throw CannotRewind{};
    release(reader);
    reader.position = 0;
}

node::Source& Relay::reader(std::size_t target) {
    return *m_readers.at(target);
}

void Relay::leave(std::size_t target) {
    const std::scoped_lock lock(m_mutex);
    m_readers.at(target)->has_left = true;
    m_has_room.notify_one();
}

bool Relay::has_begun(std::size_t target) const {
    const std::scoped_lock lock(m_mutex);
    return m_readers.at(target)->has_begun;
}

} // namespace nodespool::processor
