// A limit on bytes a second over all transfers of a run.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <mutex>
#include <optional>

namespace nodespool::processor {

/// Thread-safe. Whoever asks for bytes waits until they are due; what is not used in a quarter of a second is
/// lost.
class RateLimit {
  public:
    RateLimit(std::optional<std::uint64_t> bytes_per_second, const base::Clock& clock);
    /// Waits until @p bytes more may be moved.
    void spend(std::size_t bytes);
    /// How many bytes to ask for at once, at most @p wanted.
    [[nodiscard]] std::size_t portion(std::size_t wanted) const;

  private:
    std::optional<std::uint64_t> m_rate;
    const base::Clock* m_clock;
    std::mutex m_mutex;
    base::MonotonicTime m_due;
};

} // namespace nodespool::processor
