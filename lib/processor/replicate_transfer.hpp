// One read of a file on one node that feeds its copies on several others.
#pragma once

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/stop_signal.hpp"
#include "catalog/link.hpp"
#include "processor/rate_limit.hpp"
#include "processor/relay.hpp"
#include "processor/sending_log.hpp"
#include "processor/work.hpp"

#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nodespool::processor {

/// What replicate leaves for the commit.
struct ReplicateEffect final : Effect {
    struct Sent {
        catalog::Copy copy;
        SendingLog::Entry entry = 0;
        bool is_recorded = false;
    };
    catalog::Link link;              ///< that it started from
    std::vector<catalog::Copy> read; ///< the copies whose bytes were sent on
    std::vector<Sent> sent;          ///< complete on their nodes; none: only the local file is to be released
    bool releases_local_file = false; ///< by a `store` job, once the link is durable
};

/// What all transfers of a run share.
struct TransferContext {
    SendingLog& sending;
    RateLimit& limit;
    const std::function<base::Stop()>& stop;
    const base::Clock& clock;
};

/// Used once. The lane's thread reads from the source; each target has a thread of its own. Where the source
/// breaks off, another takes over at the byte where it stopped; where its copy turns out to be a wrong one,
/// the transfer ends, for what it sent may be wrong too.
class ReplicateTransfer {
  public:
    /// Notes the copies in the sending log. @param effect  its link says what to copy
    /// @param by  what follows the name on the new `server` lines
    ReplicateTransfer(const TransferContext& context, HeldNodes& nodes, ReplicateEffect& effect,
                      const std::string& by);

    enum class Ending { complete, source_lost, interrupted };
    /// Afterwards effect.sent has the copies that are complete on their nodes and have the recorded content;
    /// what others left is taken away again, or stays in the sending log. @throws base::Error where the
    /// cluster server itself is at fault
    Ending run();

  private:
    class FromSource;
    /// A source's copy is not what the link file records.
    struct WrongCopy {
        node::NodeError error;
    };
    /// The content is wrong, and came from several sources: nobody can tell from which of them.
    struct WrongMixture {};
    struct Target {
        ReplicateEffect::Sent sent;
        bool is_complete = false;
        std::optional<node::NodeError> failure;
        std::exception_ptr trouble; ///< of the cluster server
    };

    void put(std::size_t index, node::Session& session);
    Ending feed();
    void read_from(node::Session& session);
    void pass_on(std::span<const char> bytes);
    [[nodiscard]] node::NodeError source_error(const std::string& what) const;
    Ending finish(Ending ending);
    void discard(std::size_t index);

    TransferContext m_context;
    HeldNodes* m_nodes;
    ReplicateEffect* m_effect;
    base::ChecksumKind m_kind;
    base::Digest m_digest;
    Relay m_relay;
    std::vector<Target> m_targets;
};

} // namespace nodespool::processor
