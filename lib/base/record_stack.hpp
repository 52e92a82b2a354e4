// A stack of byte strings, any number of them, in bounded memory.
#pragma once

#include "base/fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::base {

/// For walks that meet more names than memory should hold. What does not fit lies in a file without a name in
/// $TMPDIR, else /tmp, that goes with the process. push() and pop() throw SystemError where that file fails.
class RecordStack {
  public:
    static constexpr std::size_t k_memory_bytes = 1024UL * 1024;

    /// @param memory_bytes  how much is kept in memory, about
    explicit RecordStack(std::size_t memory_bytes = k_memory_bytes) : m_block_bytes(memory_bytes / 2) {}

    void push(std::string_view record);
    /// The record that was pushed last; nullopt where there is none.
    std::optional<std::string> pop();
    [[nodiscard]] bool empty() const { return m_top.empty() && m_below.empty() && m_spilled.empty(); }

  private:
    void spill();
    void refill();

    std::size_t m_block_bytes;
    /// The uppermost records, each followed by its length. Two blocks, so that going to and fro over the
    /// border between them moves nothing to the file.
    std::string m_top;
    std::string m_below;
    Fd m_file;
    std::uint64_t m_file_bytes = 0;
    std::vector<std::size_t> m_spilled; ///< lengths of the blocks in the file
};

} // namespace nodespool::base
