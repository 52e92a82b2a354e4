// Uploads to be looked at again, each at a time of its own.
#pragma once

#include "base/clock.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nodespool::processor {

/// Each path stands in it once. Not thread-safe.
class LaterLooks {
  public:
    /// A path that stands in it already keeps the earlier time.
    void add(const std::string& path, base::MonotonicTime due);
    void forget(const std::string& path);
    /// When the first of them is due; nullopt where there is none.
    [[nodiscard]] std::optional<base::MonotonicTime> next() const;
    /// Those that are due, no longer in it.
    std::vector<std::string> take_due(base::MonotonicTime now);

  private:
    std::map<std::string, base::MonotonicTime> m_due;
    std::set<std::pair<base::MonotonicTime, std::string>> m_in_order; ///< the same
};

} // namespace nodespool::processor
