// Looking at copies where they lie: private to drain.
#pragma once

#include "catalog/link.hpp"
#include "node/session.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nodespool::upkeep {

/// One session for each node, opened when first needed. A node that is down, or lets three looks in a row
/// fail, is not asked again in this run: its copies count as not seen.
class CopyLook {
  public:
    CopyLook(const std::vector<node::NodeConfig>& nodes, node::Interrupt interrupt)
        : m_nodes(&nodes),
          m_interrupt(std::move(interrupt)) {}

    /// Why the copy does not count as seen: "it is not there", "it has 3 bytes", "n2: cannot connect ...".
    /// Empty: its node says that it is there and has @p size_bytes. @throws node::Interrupted
    std::string why_not_seen(const catalog::Copy& copy, std::uint64_t size_bytes);

  private:
    struct Node {
        std::unique_ptr<node::Session> session; ///< none: it is not asked
        unsigned failures_in_a_row = 0;
        std::string given_up; ///< why it is not asked any more
    };
    Node& node_of(const std::string& name);

    const std::vector<node::NodeConfig>* m_nodes;
    node::Interrupt m_interrupt;
    std::map<std::string, Node> m_known;
};

} // namespace nodespool::upkeep
