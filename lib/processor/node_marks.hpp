// The operator's marks on nodes, ROOT/.nodes: which are being drained, which take nothing new.
#pragma once

#include "base/file_system.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::processor {

enum class Mark {
    none,
    draining, ///< its copies are being moved to other nodes: nothing new goes there, removals do
    read_only ///< nothing is written there and nothing is removed
};

/// As it stands in the file: `draining`, `read-only`; "" for Mark::none.
std::string_view to_string(Mark mark);

/// The marks as they were read once. A node that has none is not in the file.
class NodeMarks {
  public:
    using ByNode = std::map<std::string, Mark, std::less<>>;

    NodeMarks() = default;
    explicit NodeMarks(ByNode marks) : m_marks(std::move(marks)) {}

    [[nodiscard]] Mark of(std::string_view node) const;
    /// May `store` and `replicate` put a copy there?
    [[nodiscard]] bool takes_new_copies(std::string_view node) const { return of(node) == Mark::none; }
    /// All that are marked, nodes that are no longer configured too.
    [[nodiscard]] const ByNode& all() const { return m_marks; }

  private:
    ByNode m_marks;
};

/// A missing file: no marks. @throws base::Error config "FILE:LINE: found ..., expected ..."
NodeMarks read_node_marks(const std::string& cluster_root);

/// Marks @p node, Mark::none takes its mark away; the other lines stay as they are, comments too. Durable
/// when it returns. Under a lock (`.state/nodes.lock`): of two operators at once neither is lost.
/// @return the mark before
Mark set_node_mark(const std::string& cluster_root, const std::string& node, Mark mark);

/// The marks for a long run: reads the file again only when it is another one by now. One thread at a time.
class NodeMarksFile {
  public:
    explicit NodeMarksFile(std::string cluster_root) : m_root(std::move(cluster_root)) {}
    /// Costs one stat(2) where nothing has changed. Throws as read_node_marks() does, each time until the
    /// file is mended.
    const NodeMarks& current();

  private:
    std::string m_root;
    std::optional<base::FileStatus> m_read; ///< the file that m_marks are of; nullopt: there was none
    NodeMarks m_marks;
};

} // namespace nodespool::processor
