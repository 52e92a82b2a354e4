// Reading ahead of whoever sends: a thread that fills a ring of blocks.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace nodespool::processor {

/// Holds 1 MiB. One reader; the filling is done in the thread.
class ReadAhead {
  public:
    /// Fills the front of a block; 0 at the end. What it throws comes out of read(), after what was filled
    /// before.
    using Fill = std::function<std::size_t(std::span<char>)>;

    /// At most 8 in a process: more threads than that send no faster. nullptr: there are so many already, or
    /// no thread can be started.
    static std::unique_ptr<ReadAhead> start(Fill fill);
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;
    /// Waits for the block that is being filled.
    ~ReadAhead();

    /// Waits for bytes; 0 at the end.
    std::size_t read(std::span<char> into);

  private:
    explicit ReadAhead(Fill fill);
    void run();

    static constexpr std::size_t k_block_bytes = 262144;
    static constexpr std::size_t k_blocks = 4;
    struct Block {
        std::vector<char> bytes;
        std::size_t filled = 0;
    };

    Fill m_fill;
    std::array<Block, k_blocks> m_ring;
    std::size_t m_offset = 0; ///< in the block that is being read; the reader's alone
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::size_t m_filled = 0; ///< blocks ever
    std::size_t m_read = 0;   ///< blocks ever
    bool m_is_over = false;   ///< filled to the end, or it failed
    bool m_is_closing = false;
    std::exception_ptr m_error;
    std::thread m_thread;
};

} // namespace nodespool::processor
