// From the source through the relay to the targets.
#include "processor/replicate_transfer.hpp"

#include "base/thread.hpp"
#include "processor/copy_name.hpp"
#include "processor/leftover_copies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace nodespool::processor {

using node::Interrupted;

/// From the source into the relay.
class ReplicateTransfer::FromSource final : public node::Sink {
  public:
    explicit FromSource(ReplicateTransfer& transfer) : m_transfer(&transfer) {}
    void write(std::span<const char> bytes) override {
        if (m_transfer->m_context.stop() == base::Stop::now)
            throw Interrupted{};
        if (m_position + bytes.size() > m_transfer->m_effect->link.size_bytes)
            throw WrongCopy{m_transfer->source_error("it has more bytes than its link file records")};
        // Another source before this one has brought the beginning.
        const std::uint64_t relayed = m_transfer->m_relay.written();
        const auto known = static_cast<std::size_t>(
            std::min<std::uint64_t>(bytes.size(), relayed > m_position ? relayed - m_position : 0));
        m_position += bytes.size();
        m_transfer->pass_on(bytes.subspan(known));
    }
    std::span<char> room(std::span<char> space) override {
        // What comes before that is known already, and dropped.
        return m_position == m_transfer->m_relay.written() ? m_transfer->m_relay.room(space) : space;
    }
    [[nodiscard]] std::uint64_t position() const { return m_position; }

  private:
    ReplicateTransfer* m_transfer;
    std::uint64_t m_position = 0;
};

ReplicateTransfer::ReplicateTransfer(const TransferContext& context, HeldNodes& nodes,
                                     ReplicateEffect& effect, const std::string& by)
    : m_context(context),
      m_nodes(&nodes),
      m_effect(&effect),
      m_kind(base::kind_of_checksum(effect.link.checksum).value_or(base::ChecksumKind::none)),
      m_digest(m_kind),
      m_relay(effect.link.size_bytes, nodes.target_count()) {
    const catalog::Link& link = effect.link;
    for (std::size_t i = 0; i < nodes.target_count(); ++i) {
        Target target;
        target.sent.copy = {nodes.target_name(i),
                            copy_name(link.path, context.clock.now(), base::random_64_bits()), by};
        target.sent.entry = context.sending.note(
            {target.sent.copy.node, target.sent.copy.name, link.path, link.size_bytes, link.mtime.value});
        m_targets.push_back(std::move(target));
    }
}

ReplicateTransfer::Ending ReplicateTransfer::run() {
    std::vector<std::thread> threads;
    threads.reserve(m_targets.size());
    for (std::size_t i = 0; i < m_targets.size(); ++i) {
        try {
            threads.push_back(
                base::start_thread([this, i, &session = m_nodes->target(i)] { put(i, session); }));
        } catch (const base::Error&) {
            m_targets[i].trouble = std::current_exception();
            m_relay.leave(i);
        }
    }
    Ending ending = Ending::complete;
    std::exception_ptr trouble;
    try {
        ending = feed();
    } catch (...) {
        trouble = std::current_exception();
    }
    m_relay.close();
    for (std::thread& thread : threads)
        thread.join();
    if (trouble)
        std::rethrow_exception(trouble);
    return finish(ending);
}

/// In a thread of its own.
void ReplicateTransfer::put(std::size_t index, node::Session& session) {
    Target& target = m_targets[index];
    const catalog::Copy& copy = target.sent.copy;
    try {
        session.put(copy.name, m_relay.reader(index));
        target.is_complete = true;
    } catch (const node::NodeError& error) {
        target.failure = error;
    } catch (const Relay::CannotRewind&) {
        target.failure = node::NodeError(node::Failure::temporary, copy.node,
                                         "cannot put " + copy.name +
                                             ": it asked for the beginning again, which has passed");
    } catch (const Relay::SourceLost&) {
    } catch (const Interrupted&) {
    } catch (const base::Error&) {
        target.trouble = std::current_exception();
    }
    m_relay.leave(index);
}

ReplicateTransfer::Ending ReplicateTransfer::feed() {
    while (m_nodes->has_source()) {
        try {
            read_from(m_nodes->source());
            return Ending::complete;
        } catch (const Relay::NoReader&) {
            return Ending::complete; // every target has ended early: they say why
        } catch (const Interrupted&) {
            return Ending::interrupted;
        } catch (const WrongMixture&) {
            return Ending::source_lost; // those that broke off are not asked again: the last one alone is
        } catch (const WrongCopy& wrong) {
            m_nodes->change_source(wrong.error);
            return Ending::source_lost;
        } catch (const node::NodeError& error) {
            const bool is_complete = m_relay.written() == m_effect->link.size_bytes;
            if (!m_nodes->change_source(error) || is_complete)
                return Ending::source_lost;
        }
    }
    return Ending::source_lost;
}

void ReplicateTransfer::read_from(node::Session& session) {
    const catalog::Link& link = m_effect->link;
    const auto copy = std::find_if(link.servers.begin(), link.servers.end(), [&](const catalog::Copy& each) {
        return each.node == m_nodes->source_name();
    });
    if (copy == link.servers.end())
        throw source_error("its copy there is no longer recorded");
    m_effect->read.push_back(*copy);
    FromSource sink(*this);
    session.get(copy->name, sink);
    if (sink.position() != link.size_bytes)
        throw WrongCopy{source_error(
            fmt::format("it has {} bytes, its link file records {}", sink.position(), link.size_bytes))};
    if (m_kind == base::ChecksumKind::none || m_digest.finish() == link.checksum)
        return;
    if (m_effect->read.size() > 1)
        throw WrongMixture{};
    throw WrongCopy{source_error("its content is not what its link file records (" + link.checksum + ")")};
}

/// Digested, counted, and slowed down where the operator wants it.
void ReplicateTransfer::pass_on(std::span<const char> bytes) {
    while (!bytes.empty()) {
        const std::size_t portion = m_context.limit.portion(bytes.size());
        m_context.limit.spend(portion);
        m_digest.update(bytes.first(portion));
        m_relay.write(bytes.first(portion));
        bytes = bytes.subspan(portion);
    }
}

node::NodeError ReplicateTransfer::source_error(const std::string& what) const {
    const std::string name = m_effect->read.empty() ? "" : m_effect->read.back().name;
    return {node::Failure::permanent, m_nodes->source_name(), "cannot copy from " + name + ": " + what};
}

/// All threads have ended.
ReplicateTransfer::Ending ReplicateTransfer::finish(Ending ending) {
    for (std::size_t i = 0; i < m_targets.size(); ++i) {
        Target& target = m_targets[i];
        if (target.trouble)
            std::rethrow_exception(target.trouble); // open entries are settled at the end of the run
        if (target.is_complete && ending == Ending::complete) {
            m_effect->sent.push_back(target.sent);
            continue;
        }
        if (ending != Ending::interrupted)
            discard(i);
        if (target.failure)
            m_nodes->target_failed(i, *target.failure);
    }
    return ending;
}

void ReplicateTransfer::discard(std::size_t index) {
    const Target& target = m_targets[index];
    if (!target.failure || target.failure->failure() != node::Failure::node_down)
        discard_copy(m_nodes->target(index), target.sent.copy.name, m_context.sending, target.sent.entry);
    else if (!m_relay.has_begun(index)) // nothing got there
        m_context.sending.settle(target.sent.entry);
    // Else the entry stays open: to ask a node that is down would keep the other copies from their commit.
}

} // namespace nodespool::processor
