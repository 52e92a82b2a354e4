// What on the cluster server explains a copy on a node: sending logs, link files, `.deleted/` and `remove`
// jobs.
#pragma once

#include "base/line_sorter.hpp"
#include "catalog/catalog.hpp"
#include "queue/spool.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::upkeep {

/// Where the catalogue is looked at.
struct LinkListener {
    /// Each link file that can be understood.
    std::function<void(const catalog::Link&)> link;
    /// One that cannot.
    std::function<void(const std::string& path, const std::string& reason)> unreadable;
};

/// Reads every link file at or below @p directory ("" is the whole catalogue).
void read_links(const catalog::Catalog& catalog, const std::string& directory, const LinkListener& listener);

enum class Gathering {
    complete,
    incomplete ///< something could not be read (logged): what is explained by nothing else is unknown
};

/// All that is known of one name: on nodes, and here. A name on a node is used once, ever.
struct CopyFact {
    enum class Kind {
        listed,   ///< a node has it
        recorded, ///< a link file has it as a `server` line
        explained ///< anything else names it
    };
    Kind kind = Kind::listed;
    std::string node;
    std::optional<std::uint64_t> size_bytes; ///< listed: where the node tells; recorded: as it should be
    std::string path;                        ///< recorded: the cluster path

    bool operator==(const CopyFact&) const = default;
};
struct NameFacts {
    std::string name; ///< raw
    std::vector<CopyFact> facts;

    /// Does the node have it, and nothing here names it there?
    [[nodiscard]] bool is_unexplained(const std::string& node) const;
    /// The node whose `server` line has this name, where it is another than @p node; empty: none.
    [[nodiscard]] std::string recorded_elsewhere(const std::string& node) const;
};

/// Facts in any order in, names in byte order out, in bounded memory.
class CopyFacts {
  public:
    void add_listed(const std::string& node, const std::string& name,
                    std::optional<std::uint64_t> size_bytes);
    void add_recorded(const catalog::Copy& copy, const catalog::Link& link);
    void add_explained(const std::string& node, const std::string& name);
    void finish();
    /// The next name; nullopt after the last one. Only after finish().
    std::optional<NameFacts> next();

  private:
    base::LineSorter m_lines;
    std::optional<std::string> m_ahead;
};

/// Adds all that explains a copy to @p facts, in the order in which a copy moves on: sending logs, link files
/// (`server` and `gone` lines), `.deleted/`, `remove` jobs (held and rejected ones too). What was on a node
/// before, and is in none of them, never was explained; but for a job that goes back into the queue just
/// then. @param also  is told each link file as well
Gathering gather_explanations(const std::string& cluster_root, const catalog::Catalog& catalog,
                              const queue::Spool& spool, CopyFacts& facts, const LinkListener& also);

} // namespace nodespool::upkeep
