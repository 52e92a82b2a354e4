// The ring buffer.
#include "processor/relay.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

constexpr std::uint64_t k_ring_bytes = 2UL * 1024 * 1024;

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
std::size_t Relay::room() const {
    std::uint64_t oldest = m_written;
    for (const auto& reader : m_readers)
        if (!reader->has_left)
            oldest = std::min(oldest, reader->position);
    return m_ring.size() - static_cast<std::size_t>(m_written - oldest);
}

void Relay::write(std::span<const char> bytes) {
    while (!bytes.empty()) {
        std::size_t length = 0;
        {
            std::unique_lock lock(m_mutex);
            m_has_room.wait(lock, [&] { return !has_reader() || room() > 0; });
            if (!has_reader())
                throw NoReader{};
            length = std::min(bytes.size(), room());
            m_claimed = m_written + length;
        }
        // No reader looks at this stretch before m_written has passed it.
        in_pieces(m_written, length, m_ring.size(), [&](std::size_t at, std::size_t from, std::size_t count) {
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
    std::uint64_t position = 0;
    std::size_t length = 0;
    {
        std::unique_lock lock(m_mutex);
        reader.has_begun = true;
        m_has_bytes.wait(
            lock, [&] { return m_is_closed || m_written > reader.position || m_size == reader.position; });
        if (reader.position == m_size)
            return 0;
        if (m_written == reader.position)
            throw SourceLost{};
        position = reader.position;
        length = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), m_written - position));
    }
    // The writer waits for this reader before it overwrites this stretch.
    in_pieces(position, length, m_ring.size(), [&](std::size_t at, std::size_t to, std::size_t count) {
        std::copy_n(m_ring.data() + at, count, into.data() + to);
    });
    const std::scoped_lock lock(m_mutex);
    reader.position += length;
    m_has_room.notify_one();
    return length;
}

void Relay::rewind(Reader& reader) {
    const std::scoped_lock lock(m_mutex);
    if (m_claimed > m_ring.size() && reader.position > 0)
        throw CannotRewind{};
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
