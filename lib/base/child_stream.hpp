// A child process to talk with: bytes to and from it, without waiting on either side.
#pragma once

#include "base/child_process.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::base {

/// What a ChildStream is waited for.
enum class Await { bytes, bytes_or_room };

/// The child has no terminal and its complaints are bounded (ChildProcess). Destroyed, it is told to end, and
/// killed where it does not.
class ChildStream {
  public:
    /// @throws SystemError where it cannot be started
    ChildStream(const std::vector<std::string>& arguments, const std::vector<std::string>& variables);
    ChildStream(const ChildStream&) = delete;
    ChildStream& operator=(const ChildStream&) = delete;
    ~ChildStream();

    /// Bytes that it takes now, perhaps none. nullopt: it takes no more, ever.
    std::optional<std::size_t> write(std::string_view bytes);
    /// Bytes that were there; 0 where none are yet. nullopt: it will send no more.
    std::optional<std::size_t> read(std::span<char> into);
    /// Waits until one of the two has something to do, or the child has closed its side. @return whether
    /// there is something to read, be it the end; false where not within @p patience
    bool wait(Await what, std::chrono::milliseconds patience) const;

    /// Says no more, and gives it @p patience to end by itself before it is told to.
    ChildEnd end(std::chrono::milliseconds patience) { return m_child.wait_or_end(patience); }
    [[nodiscard]] std::string complaint() const { return m_child.complaint(); }

  private:
    ChildProcess m_child;
};

} // namespace nodespool::base
