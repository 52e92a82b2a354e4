// Which node is next: weighted round robin whose cursor survives the run.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nodespool::processor {

/// Smooth weighted round robin: over any stretch each node gets its share by weight, and equal weights simply
/// alternate. A node that is not eligible for a turn neither gains nor loses by it. Not thread-safe.
class NodeChoice {
  public:
    struct Node {
        std::string name;
        unsigned weight;
    };
    explicit NodeChoice(const std::vector<Node>& nodes);

    /// Whose turn it is among the eligible nodes (by index). At least one must be eligible.
    [[nodiscard]] std::size_t turn(const std::vector<bool>& eligible) const;
    /// The same, and moves the cursor.
    std::size_t next(const std::vector<bool>& eligible);

    /// The cursor as text: a line `NODE CREDIT` each; nodes that a text does not name begin at 0.
    [[nodiscard]] std::string cursor() const;
    void restore(const std::string& cursor);

  private:
    struct Entry {
        Node node;
        long credit = 0;
    };
    std::vector<Entry> m_entries;
};

} // namespace nodespool::processor
