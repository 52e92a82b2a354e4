// Digesting what is sent while it is sent: a thread beside the one that reads and sends.
#pragma once

#include "base/digest.hpp"

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace nodespool::processor {

/// Holds 1 MiB in blocks. One thread fills them and sends them on; the other one digests them, in that order.
class DigestBeside {
  public:
    static constexpr std::size_t k_block_bytes = 262144;

    /// At most 8 in a process: more threads than that digest no faster. nullptr: there are so many already,
    /// or no thread can be started.
    /// @param digest  nobody else's until wait()
    static std::unique_ptr<DigestBeside> start(base::Digest& digest);
    DigestBeside(const DigestBeside&) = delete;
    DigestBeside& operator=(const DigestBeside&) = delete;
    /// Waits for the block that is being digested.
    ~DigestBeside();

    /// The block to fill next; waits until what was in it has been digested. What was filled last stays as it
    /// is.
    std::span<char> block();
    /// So many bytes at the front of it are to be digested. They stay until this was called twice more.
    void filled(std::size_t bytes);
    /// Until everything has been digested.
    void wait();

  private:
    explicit DigestBeside(base::Digest& digest);
    void run();
    void rethrow() const;

    static constexpr std::size_t k_blocks = 4;
    struct Block {
        std::vector<char> bytes;
        std::size_t filled = 0;
    };

    base::Digest& m_digest;
    std::array<Block, k_blocks> m_ring;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::size_t m_filled = 0;   ///< blocks ever
    std::size_t m_digested = 0; ///< blocks ever
    bool m_is_closing = false;
    std::exception_ptr m_error;
    std::thread m_thread;
};

} // namespace nodespool::processor
