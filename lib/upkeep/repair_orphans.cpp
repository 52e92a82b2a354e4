// Verifying orphans, and giving them a link file or a `remove` job.
#include "upkeep/repair_orphans.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "processor/link_jobs.hpp"
#include "processor/removals.hpp"
#include "queue/outbox.hpp"

namespace nodespool::upkeep {

namespace {

/// A path that the file system of the catalogue may refuse.
constexpr std::size_t k_longest_path = 3500;

} // namespace

std::string lost_and_found_path(const std::string& node, const std::string& name) {
    return "lost+found/" + node + "/" + name;
}

void OrphanRepair::run(CopyFacts& facts) {
    const LinkListener nobody{
        [](const catalog::Link&) {},
        [](const std::string&, const std::string& reason) { base::log(base::LogLevel::error, reason); }};
    const Gathering gathering =
        gather_explanations(m_context.cluster.root, m_context.catalog, m_context.spool, facts, nobody);
    if (gathering == Gathering::incomplete)
        m_context.summary.unreadable = true;
    facts.finish();
    while (const auto known = facts.next())
        for (const CopyFact& fact : known->facts)
            if (fact.kind == CopyFact::Kind::listed)
                judge(*known, fact, gathering);
    finish_batch();
}

/// What the cluster server knows of it; then its node is asked.
void OrphanRepair::judge(const NameFacts& known, const CopyFact& listed, Gathering gathering) {
    Finding finding;
    finding.kind = FindingKind::orphan;
    finding.node = listed.node;
    finding.name = known.name;
    finding.size_bytes = listed.size_bytes.value_or(0);
    const std::string elsewhere = known.recorded_elsewhere(listed.node);
    if (!known.is_unexplained(listed.node)) {
        m_context.tell(
            {finding, Repaired::settled, "a link file, a transfer under way, or a job that waits names it"});
    } else if (gathering == Gathering::incomplete) {
        m_context.tell({finding, Repaired::kept, "what could not be read may explain it"});
    } else if (!elsewhere.empty()) {
        m_context.tell({finding, Repaired::kept,
                        "a link file names it on " + elsewhere +
                            ": is that the same directory, or this node under an earlier name?"});
    } else if (const std::string why = why_not_adopted(finding); !why.empty()) {
        m_context.tell({finding, Repaired::kept, why});
    } else {
        m_batch.push_back({finding, false, {}});
        if (m_batch.size() >= repair_batch())
            finish_batch();
    }
}

/// A `remove` job carries that path too.
std::string OrphanRepair::why_not_adopted(const Finding& finding) const {
    const std::string path = lost_and_found_path(finding.node, finding.name);
    std::string why = base::why_not_a_cluster_path(path);
    if (why.empty() && path.size() > k_longest_path)
        why = "a name that is too long";
    return why.empty() ? std::string() : "its name would make no cluster path: " + why;
}

void OrphanRepair::finish_batch() {
    for (Orphan& orphan : m_batch)
        m_context.looks.ask(
            orphan.finding.node,
            [&orphan](node::Session& session) {
                const auto size = session.size(orphan.finding.name);
                orphan.is_there = size.has_value();
                orphan.finding.size_bytes = size.value_or(0);
            },
            [&orphan](const std::string& reason) { orphan.unknown = reason; });
    m_context.looks.wait();
    std::erase_if(m_batch, [&](const Orphan& orphan) {
        if (orphan.is_there)
            return false;
        const bool is_known = orphan.unknown.empty();
        m_context.tell({orphan.finding, is_known ? Repaired::settled : Repaired::not_verified,
                        is_known ? "it is not there any more" : orphan.unknown});
        return true;
    });
    if (m_context.options.orphans == Orphans::adopt)
        adopt();
    else
        queue_removals();
    m_batch.clear();
}

void OrphanRepair::adopt() {
    std::vector<RepairOutcome> outcomes;
    if (m_context.pretends()) {
        for (const Orphan& orphan : m_batch)
            outcomes.push_back({orphan.finding, Repaired::adopted, {}});
    } else if (!m_batch.empty()) {
        std::vector<std::string> paths;
        for (const Orphan& orphan : m_batch)
            paths.push_back(lost_and_found_path(orphan.finding.node, orphan.finding.name));
        catalog::LinkBatch batch(m_context.catalog, paths);
        for (const Orphan& orphan : m_batch)
            adopt_one(batch, orphan, outcomes);
        batch.commit();
    }
    for (RepairOutcome& outcome : outcomes) {
        outcome.finding.path = lost_and_found_path(outcome.finding.node, outcome.finding.name);
        m_context.tell(outcome);
    }
}

void OrphanRepair::adopt_one(catalog::LinkBatch& batch, const Orphan& orphan,
                             std::vector<RepairOutcome>& outcomes) {
    const Finding& finding = orphan.finding;
    catalog::Link link;
    link.path = lost_and_found_path(finding.node, finding.name);
    link.size_bytes = finding.size_bytes;
    link.mtime = {m_context.spool.clock().now(), 9};
    link.servers.push_back({finding.node, finding.name, {}});
    link.copies = 1;
    try {
        const std::optional<catalog::Link> there = batch.read(link.path);
        if (there && !there->servers.empty()) {
            const bool is_same = there->has_copy(link.servers.front());
            outcomes.push_back({finding, is_same ? Repaired::settled : Repaired::kept,
                                is_same ? "it has a link file by now" : "another file has this path"});
            return;
        }
        if (const std::string obstacle = m_context.catalog.obstacle(link.path); !obstacle.empty()) {
            outcomes.push_back({finding, Repaired::kept, obstacle});
            return;
        }
        if (there)
            link.gone = there->gone; // of the time when it lost its copy
    } catch (const base::Error& error) {
        m_context.summary.unreadable = true;
        outcomes.push_back({finding, Repaired::kept, error.what()});
        return;
    }
    batch.replace(link);
    outcomes.push_back({finding, Repaired::adopted, {}});
}

void OrphanRepair::queue_removals() {
    if (!m_context.pretends()) {
        queue::Outbox outbox(m_context.spool);
        for (const Orphan& orphan : m_batch)
            outbox.add(processor::remove_job({orphan.finding.node, orphan.finding.name, {}},
                                             lost_and_found_path(orphan.finding.node, orphan.finding.name),
                                             orphan.finding.size_bytes),
                       queue::Priority::normal, "");
        outbox.commit();
    }
    for (const Orphan& orphan : m_batch)
        m_context.tell({orphan.finding, Repaired::removal_queued, {}});
}

} // namespace nodespool::upkeep
