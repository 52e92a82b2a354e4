// The comparison, in two rounds.
#include "upkeep/audit.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "node/remote_name.hpp"
#include "upkeep/explanations.hpp"
#include "upkeep/replication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

namespace nodespool::upkeep {

namespace {

std::vector<node::NodeConfig> nodes_to_check(const processor::Cluster& cluster, const AuditOptions& options) {
    std::vector<node::NodeConfig> nodes;
    for (const node::NodeConfig& config : cluster.nodes)
        if (options.nodes.empty() ||
            std::find(options.nodes.begin(), options.nodes.end(), config.name) != options.nodes.end())
            nodes.push_back(config);
    return nodes;
}

Finding copy_finding(FindingKind kind, const catalog::Copy& copy, const std::string& path) {
    Finding finding;
    finding.kind = kind;
    finding.node = copy.node;
    finding.name = copy.name;
    finding.path = path;
    return finding;
}

Finding link_finding(FindingKind kind, const catalog::Link& link) {
    Finding finding;
    finding.kind = kind;
    finding.path = link.path;
    finding.size_bytes = link.size_bytes;
    finding.mtime = link.mtime;
    finding.have = static_cast<unsigned>(link.servers.size());
    finding.wanted = link.copies;
    return finding;
}

class Audit {
  public:
    Audit(const processor::Cluster& cluster, const AuditOptions& options)
        : m_cluster(&cluster),
          m_options(&options),
          m_nodes(nodes_to_check(cluster, options)),
          m_catalog(catalog::Catalog::open_existing(cluster.root)),
          m_spool(queue::Spool::open_existing(cluster.root, base::system_clock())),
          m_looks(m_nodes) {}

    AuditSummary run() {
        if (m_options->paths.empty())
            compare_everything();
        else
            look_at_paths();
        judge_suspects();
        for (const auto& [node, copies] : m_unknown)
            base::log(
                base::LogLevel::error,
                fmt::format("{}: it is not in the configuration; copies on it that were not checked: {}",
                            base::printable(node), copies));
        m_summary.nodes_failed = m_summary.nodes_failed || m_looks.failures() > 0 || !m_unknown.empty();
        return m_summary;
    }

  private:
    [[nodiscard]] bool wants_files() const { return m_options->nodes.empty(); }
    void print(const Finding& finding) {
        const std::scoped_lock lock(m_mutex);
        m_options->on_finding(finding);
    }

    // --- everything
    void compare_everything() {
        list_nodes();
        const Gathering gathering =
            gather_explanations(m_cluster->root, m_catalog, m_spool, m_facts,
                                {[&](const catalog::Link& link) { suspect(link); },
                                 [&](const std::string& path, const std::string&) { suspect(path); }});
        m_summary.unreadable = gathering == Gathering::incomplete;
        m_facts.finish();
        CopyFacts second;
        std::uint64_t candidates = 0;
        while (const auto known = m_facts.next())
            compare(*known, second, candidates);
        m_looks.wait();
        if (candidates > 0)
            judge_orphans(second);
    }

    /// A thread a node. What a list brought that broke off is passed over later: nothing is known then.
    void list_nodes() {
        for (const node::NodeConfig& config : m_nodes)
            m_looks.ask(
                config.name,
                [this, node = config.name](node::Session& session) {
                    session.list([&](const node::ListedFile& file) {
                        const std::scoped_lock lock(m_mutex);
                        m_facts.add_listed(node, file.name, file.size_bytes);
                    });
                },
                [this, node = config.name](const std::string&) {
                    const std::scoped_lock lock(m_mutex);
                    m_unlisted.insert(node);
                });
        m_looks.wait();
    }

    [[nodiscard]] bool is_known(const std::string& node) const {
        return m_looks.knows(node) && !m_unlisted.contains(node);
    }

    /// One name: what is on nodes, and what is recorded.
    void compare(const NameFacts& known, CopyFacts& second, std::uint64_t& candidates) {
        std::map<std::string, std::optional<std::uint64_t>> listed;
        for (const CopyFact& fact : known.facts)
            if (fact.kind == CopyFact::Kind::listed)
                listed[fact.node] = fact.size_bytes;
        for (const auto& [node, size_bytes] : listed)
            if (is_known(node) && known.is_unexplained(node)) {
                second.add_listed(node, known.name, size_bytes);
                ++candidates;
            }
        for (const CopyFact& fact : known.facts) {
            if (fact.kind != CopyFact::Kind::recorded)
                continue;
            note_unknown(fact.node);
            const auto found = listed.find(fact.node);
            const bool fits = found != listed.end() && found->second && found->second == fact.size_bytes;
            if (is_known(fact.node) && (!fits || m_options->read_back == ReadBack::yes))
                look_at(fact.path, {fact.node, known.name, {}});
        }
    }

    void note_unknown(const std::string& node) {
        if (m_options->nodes.empty() && !m_looks.knows(node))
            ++m_unknown[node];
    }

    /// The second round of orphans: everything that may explain them is gathered once more.
    void judge_orphans(CopyFacts& facts) {
        if (m_summary.unreadable) {
            base::log(base::LogLevel::error, "orphans are not told: what could not be read may explain them");
            return;
        }
        const LinkListener nobody{
            [](const catalog::Link&) {},
            [](const std::string&, const std::string& reason) { base::log(base::LogLevel::error, reason); }};
        if (gather_explanations(m_cluster->root, m_catalog, m_spool, facts, nobody) ==
            Gathering::incomplete) {
            m_summary.unreadable = true;
            return;
        }
        facts.finish();
        while (const auto known = facts.next())
            for (const CopyFact& fact : known->facts)
                if (fact.kind == CopyFact::Kind::listed && known->is_unexplained(fact.node))
                    judge_orphan(known->name, fact);
        m_looks.wait();
    }

    void judge_orphan(const std::string& name, const CopyFact& listed) {
        Finding finding = copy_finding(FindingKind::orphan, {listed.node, name, {}}, {});
        finding.size_bytes = listed.size_bytes.value_or(0);
        if (!node::why_not_a_remote_name(name).empty()) { // nobody can ask for it: the list must do
            print(finding);
            return;
        }
        m_looks.ask(listed.node, [this, finding](node::Session& session) mutable {
            const auto size = session.size(finding.name);
            if (!size)
                return;
            finding.size_bytes = *size;
            print(finding);
        });
    }

    // --- parts
    static bool has_parent_among(const std::set<std::string>& paths, const std::string& path) {
        for (std::string parent(base::parent_of(path)); !parent.empty(); parent = base::parent_of(parent))
            if (paths.contains(parent))
                return true;
        return false;
    }

    void look_at_paths() {
        const LinkListener listener{[&](const catalog::Link& link) {
                                        suspect(link);
                                        for (const catalog::Copy& copy : link.servers) {
                                            note_unknown(copy.node);
                                            if (m_looks.knows(copy.node))
                                                look_at(link.path, copy);
                                        }
                                    },
                                    [&](const std::string& path, const std::string&) { suspect(path); }};
        const std::set<std::string> paths(m_options->paths.begin(), m_options->paths.end());
        for (const std::string& path : paths)
            if (!has_parent_among(paths, path))
                read_links(m_catalog, path, listener);
        m_looks.wait();
    }

    // --- a copy
    void look_at(const std::string& path, const catalog::Copy& copy) {
        m_looks.ask(copy.node,
                    [this, path, copy](node::Session& session) { compare_copy(session, path, copy); });
    }

    /// The link file as it is now, then the node, then, where something is wrong, the link file again: it
    /// still names the copy, so it did so when the node was asked.
    void compare_copy(node::Session& session, const std::string& path, const catalog::Copy& copy) {
        const auto link = recorded_in(path, copy);
        if (!link)
            return;
        if (m_options->read_back == ReadBack::yes && !base::kind_of_checksum(link->checksum))
            base::log(base::LogLevel::debug,
                      base::encode_name(path) + ": no known checksum is recorded: compared by size only");
        SeenCopy seen;
        try {
            seen = look_at_copy(session, copy.name, *link, m_options->read_back);
        } catch (const node::NodeError& error) {
            if (error.failure() == node::Failure::permanent && !recorded_in(path, copy))
                return; // removed while it was looked at
            throw;
        }
        if (seen.state == SeenCopy::State::sound || !recorded_in(path, copy))
            return;
        print(finding_of(seen, *link, copy));
    }

    static Finding finding_of(const SeenCopy& seen, const catalog::Link& link, const catalog::Copy& copy) {
        Finding finding = copy_finding(seen.state == SeenCopy::State::absent       ? FindingKind::missing
                                       : seen.state == SeenCopy::State::wrong_size ? FindingKind::size
                                                                                   : FindingKind::content,
                                       copy, link.path);
        finding.size_bytes = link.size_bytes;
        finding.found_bytes = seen.size_bytes;
        finding.expected_checksum = link.checksum;
        finding.found_checksum = seen.checksum;
        return finding;
    }

    [[nodiscard]] std::optional<catalog::Link> recorded_in(const std::string& path,
                                                           const catalog::Copy& copy) const {
        try {
            auto link = m_catalog.read(path);
            return link && link->has_copy(copy) ? std::move(link) : std::nullopt;
        } catch (const base::Error&) {
            return std::nullopt; // it was readable before: the next check tells
        }
    }

    // --- link files that look wrong, judged at the end
    void suspect(const catalog::Link& link) {
        const std::string path = base::encode_name(link.path);
        if (wants_files() && link.servers.empty())
            m_suspects.add(path + " lost");
        else if (wants_files() && link.servers.size() < link.copies)
            add_unsettled(path, "short");
        for (const catalog::Copy& copy : link.gone)
            if (m_looks.knows(copy.node) || wants_files())
                add_unsettled(path, format_finding(copy_finding(FindingKind::gone, copy, link.path)));
    }
    void suspect(const std::string& path) { m_suspects.add(base::encode_name(path) + " unreadable"); }
    /// A processor may be about to queue the job that is lacking.
    void add_unsettled(const std::string& path, const std::string& suspicion) {
        m_suspects.add(path + " " + suspicion);
        m_unsettled_seen = base::system_clock().monotonic();
    }

    void judge_suspects() {
        m_suspects.finish();
        std::optional<QueuedReplications> queued;
        if (m_unsettled_seen) {
            const auto age = base::system_clock().monotonic() - *m_unsettled_seen;
            if (age < m_options->settle)
                base::system_clock().sleep_for(
                    std::chrono::duration_cast<std::chrono::milliseconds>(m_options->settle - age));
            queued.emplace(m_spool);
        }
        std::string before;
        while (const auto line = m_suspects.next()) {
            if (*line == before)
                continue; // visited twice: replaced while the walk was in its directory
            before = *line;
            const std::size_t blank = line->find(' ');
            judge(base::decode_name(std::string_view(*line).substr(0, blank)), line->substr(blank + 1),
                  queued);
        }
    }

    void judge(const std::string& path, const std::string& suspicion,
               const std::optional<QueuedReplications>& queued) {
        std::optional<catalog::Link> link;
        try {
            link = m_catalog.read(path);
        } catch (const base::Error& error) {
            report_unreadable(path, error.what());
        }
        if (!link)
            return;
        if (suspicion == "lost" && link->servers.empty())
            print(link_finding(FindingKind::lost, *link));
        if (suspicion == "short" && !link->servers.empty() && link->servers.size() < link->copies &&
            !queued->has(*link, link->copies))
            print(link_finding(FindingKind::too_few, *link));
        if (!suspicion.starts_with("gone "))
            return;
        const Finding finding = parse_finding(suspicion, {path, 1});
        if (std::any_of(link->gone.begin(), link->gone.end(), [&](const catalog::Copy& copy) {
                return copy.node == finding.node && copy.name == finding.name;
            }))
            print(finding);
    }

    void report_unreadable(const std::string& path, const std::string& reason) {
        m_summary.unreadable = true;
        base::log(base::LogLevel::error, reason);
        Finding finding;
        finding.kind = FindingKind::unreadable;
        finding.path = path;
        finding.reason = reason;
        print(finding);
    }

    const processor::Cluster* m_cluster;
    const AuditOptions* m_options;
    std::vector<node::NodeConfig> m_nodes;
    catalog::Catalog m_catalog;
    queue::Spool m_spool;
    std::mutex m_mutex; ///< one finding at a time, and one name of a list
    CopyFacts m_facts;  ///< of the first round
    std::set<std::string> m_unlisted;
    std::map<std::string, std::uint64_t> m_unknown; ///< copies on nodes that are not configured
    base::LineSorter m_suspects;
    std::optional<base::MonotonicTime> m_unsettled_seen; ///< the last one
    AuditSummary m_summary;
    NodeLooks m_looks; ///< last: its threads end before what they use
};

} // namespace

AuditSummary audit(const processor::Cluster& cluster, const AuditOptions& options) {
    return Audit(cluster, options).run();
}

} // namespace nodespool::upkeep
