// Settling sending logs.
#include "processor/leftover_copies.hpp"

#include "base/log.hpp"
#include "base/path_name.hpp"
#include "processor/link_jobs.hpp"
#include "queue/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace nodespool::processor {

namespace {

class Settler {
  public:
    Settler(const std::vector<node::NodeConfig>& nodes, const catalog::Catalog& catalog,
            const queue::Spool& spool, node::Interrupt interrupt)
        : m_nodes(&nodes),
          m_catalog(&catalog),
          m_outbox(spool),
          m_interrupt(std::move(interrupt)) {}

    /// true: the copy is recorded, gone, or named by a job that commit() makes durable. false: its link file
    /// cannot be read, so that nobody can tell: the entry stays.
    bool settle(const Sending& sending) {
        try {
            if (is_recorded(sending) || removed_now(sending))
                return true;
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            return false;
        }
        queue_removal(sending);
        return true;
    }
    void commit() { m_outbox.commit(); }

  private:
    void queue_removal(const Sending& sending) {
        m_outbox.add(remove_job({sending.node, sending.name, {}}, sending.path, sending.size_bytes),
                     queue::Priority::normal,
                     "a transfer that was not completed, and its node cannot be asked now");
    }

    [[nodiscard]] bool is_recorded(const Sending& sending) const {
        const auto link = m_catalog->read(sending.path);
        return link && link->has_copy({sending.node, sending.name, {}});
    }

    bool removed_now(const Sending& sending) {
        const auto config = std::find_if(m_nodes->begin(), m_nodes->end(),
                                         [&](const auto& node) { return node.name == sending.node; });
        if (config == m_nodes->end() || m_unreachable.contains(sending.node))
            return false;
        auto& session = m_sessions[sending.node];
        if (!session)
            session = node::make_session(*config, m_interrupt);
        try {
            session->remove(sending.name);
        } catch (const node::NodeError& error) {
            base::log(base::LogLevel::warning, error.what());
            m_unreachable.insert(sending.node);
            return false;
        } catch (const node::Interrupted&) {
            m_unreachable.insert(sending.node);
            return false;
        }
        base::log(base::LogLevel::info, {{"result", "leftover-removed"},
                                         {"file", base::encode_name(sending.path)},
                                         {"node", sending.node},
                                         {"name", base::encode_name(sending.name)}});
        return true;
    }

    const std::vector<node::NodeConfig>* m_nodes;
    const catalog::Catalog* m_catalog;
    queue::Outbox m_outbox;
    node::Interrupt m_interrupt;
    std::map<std::string, std::unique_ptr<node::Session>> m_sessions;
    std::set<std::string> m_unreachable;
};

/// A log that cannot be read or removed keeps no other from being settled.
class Attempts {
  public:
    template <typename Action>
    bool succeed(Action&& action) {
        try {
            action();
            return true;
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            ++m_failures;
            return false;
        }
    }
    [[nodiscard]] std::size_t failures() const { return m_failures; }

  private:
    std::size_t m_failures = 0;
};

} // namespace

void settle_leftover_copies(const std::string& cluster_root, const std::vector<node::NodeConfig>& nodes,
                            const catalog::Catalog& catalog, const queue::Spool& spool, SendingLog& own,
                            const node::Interrupt& interrupt) {
    std::vector<AbandonedLog> abandoned = AbandonedLog::find(cluster_root);
    const auto own_entries = own.open_entries();
    Settler settler(nodes, catalog, spool, interrupt);
    Attempts attempts;
    std::vector<AbandonedLog*> settled_logs;
    for (AbandonedLog& log : abandoned) {
        std::vector<Sending> entries;
        if (attempts.succeed([&] { entries = log.open_entries(); }) &&
            std::count_if(entries.begin(), entries.end(),
                          [&](const auto& sending) { return !settler.settle(sending); }) == 0)
            settled_logs.push_back(&log);
    }
    std::vector<SendingLog::Entry> settled_entries;
    for (const auto& [entry, sending] : own_entries)
        if (settler.settle(sending))
            settled_entries.push_back(entry);
    settler.commit();
    for (AbandonedLog* log : settled_logs)
        attempts.succeed([&] { log->remove(); });
    for (const SendingLog::Entry entry : settled_entries)
        own.settle(entry);
    if (attempts.failures() > 0)
        throw base::Error(
            base::ErrorClass::io,
            fmt::format("{} of {} sending logs of dead runs in {}/.state cannot be settled: the "
                        "next run tries again",
                        attempts.failures(), abandoned.size(), cluster_root));
}

bool discard_copy(node::Session& session, const std::string& name, SendingLog& log, SendingLog::Entry entry) {
    try {
        session.remove(name);
        log.settle(entry);
        return true;
    } catch (const node::NodeError& error) {
        base::log(base::LogLevel::debug, error.what());
        return error.failure() == node::Failure::permanent;
    } catch (const node::Interrupted&) {
        base::log(base::LogLevel::debug, name + " is left for the next run");
        return false;
    }
}

} // namespace nodespool::processor
