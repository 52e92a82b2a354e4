// Bytes on their way from one node to several others, through a bounded buffer and no file.
#pragma once

#include "node/session.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace nodespool::processor {

/// One thread writes what a source node sends; a thread for each target reads it. The slowest target sets the
/// pace; one that has failed holds up nobody. Memory: at most 2 MiB, however long the file.
class Relay {
  public:
    Relay(std::uint64_t size_bytes, std::size_t targets);
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// No target reads any more: the source need not go on.
    struct NoReader {};
    /// No source is left, in the middle of the file: the transfers cannot be completed.
    struct SourceLost {};
    /// A target asked for the beginning again, and that is gone from the buffer.
    struct CannotRewind {};

    /// Passes @p bytes on; waits while the buffer is full. @throws NoReader
    void write(std::span<const char> bytes);
    /// Where the bytes of the next write() are best put: a piece of the buffer, at most as long as @p space;
    /// waits until there is some. They are then in place. @p space itself after the last byte.
    /// @throws NoReader
    std::span<char> room(std::span<char> space);
    [[nodiscard]] std::uint64_t written() const { return m_written; }
    /// No more will come: readers throw SourceLost where the file is not complete.
    void close();

    /// Where target number @p target reads, until it leaves. Reading throws SourceLost.
    node::Source& reader(std::size_t target);
    /// It reads no more.
    void leave(std::size_t target);
    /// Has it asked for bytes? Only then can anything of the file be on the node.
    [[nodiscard]] bool has_begun(std::size_t target) const;

  private:
    class Reader final : public node::Source {
      public:
        explicit Reader(Relay& relay) : m_relay(&relay) {}
        [[nodiscard]] std::uint64_t size_bytes() const override { return m_relay->m_size; }
        std::size_t read(std::span<char> into) override { return m_relay->read(*this, into); }
        std::span<const char> next(std::span<char> space) override {
            return m_relay->next(*this, space.size());
        }
        void rewind() override { m_relay->rewind(*this); }

        std::uint64_t position = 0;
        std::size_t held = 0; ///< bytes before the position that it still looks at
        bool has_begun = false;
        bool has_left = false;

      private:
        Relay* m_relay;
    };

    std::size_t read(Reader& reader, std::span<char> into);
    std::span<const char> next(Reader& reader, std::size_t most);
    /// What it was given may be overwritten.
    void release(Reader& reader);
    void rewind(Reader& reader);
    [[nodiscard]] std::size_t free_bytes() const;
    [[nodiscard]] bool has_reader() const;

    std::uint64_t m_size;
    std::vector<char> m_ring;
    mutable std::mutex m_mutex;
    std::condition_variable m_has_room;
    std::condition_variable m_has_bytes;
    std::uint64_t m_written = 0; ///< changed by the writing thread alone
    std::uint64_t m_claimed = 0; ///< and what it is copying into the ring now
    bool m_is_closed = false;
    std::vector<std::unique_ptr<Reader>> m_readers;
};

} // namespace nodespool::processor
