// Asking many nodes about many copies at once.
#pragma once

#include "catalog/link.hpp"
#include "node/session.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nodespool::upkeep {

/// A few sessions a node, each in a thread of its own: half of the connections that the node is given, the
/// other half is for processors that run beside this. No node waits for another until the backlog of one is
/// full.
class NodeLooks {
  public:
    /// Runs in a thread of the node. A NodeError that it throws is logged, and the look has failed.
    using Look = std::function<void(node::Session&)>;
    /// The look did not come about, and why. Called once, in the thread of the node or in that of ask().
    using Failed = std::function<void(const std::string& reason)>;

    explicit NodeLooks(const std::vector<node::NodeConfig>& nodes);
    NodeLooks(const NodeLooks&) = delete;
    NodeLooks& operator=(const NodeLooks&) = delete;
    /// Drops what has not begun.
    ~NodeLooks();

    /// Has @p look run on the node. Waits while the node is far behind. A node that is down, or that failed
    /// several looks in a row, is not asked any more.
    void ask(const std::string& node, Look look, Failed failed = {});
    /// Until everything that was asked has ended. Where a look threw what is no NodeError, what waits is
    /// dropped, and wait() and the next ask() throw it: once no look is running any more.
    void wait();

    /// Is the node configured?
    [[nodiscard]] bool knows(const std::string& node) const { return m_lanes.contains(node); }
    /// Is it not asked any more?
    [[nodiscard]] bool has_given_up(const std::string& node) const;
    /// Looks that did not come about, on nodes that are configured.
    [[nodiscard]] std::uint64_t failures() const;

  private:
    class Lane;
    void remember(std::exception_ptr thrown);
    [[nodiscard]] bool is_broken() const;

    std::map<std::string, std::unique_ptr<Lane>> m_lanes;
    mutable std::mutex m_mutex;
    std::exception_ptr m_thrown; ///< the first one
};

enum class ReadBack { no, yes };

/// How a copy compares with its link file.
struct SeenCopy {
    enum class State { sound, absent, wrong_size, wrong_content };
    State state = State::sound;
    std::uint64_t size_bytes = 0;
    std::string checksum; ///< of State::wrong_content
};

/// Asks the node. With ReadBack::yes a copy of the right size is read and compared with the link file's
/// checksum, where it has one that this version knows. @throws node::NodeError
SeenCopy look_at_copy(node::Session& session, const std::string& name, const catalog::Link& link,
                      ReadBack read_back);

} // namespace nodespool::upkeep
