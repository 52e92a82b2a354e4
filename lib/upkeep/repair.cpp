// Sorting findings by file, and working them off.
#include "upkeep/repair.hpp"

#include "base/clock.hpp"
#include "base/path_name.hpp"
#include "upkeep/repair_files.hpp"
#include "upkeep/repair_orphans.hpp"

namespace nodespool::upkeep {

namespace {

/// A file with more findings is worked off in parts: memory stays bounded.
constexpr std::size_t k_most_findings = 1000;

void repair_files(base::LineSorter& lines, const RepairContext& context) {
    FileRepair repair(context);
    std::string before;
    std::string path;
    std::vector<Finding> findings;
    const auto pass_on = [&] {
        if (!findings.empty())
            repair.add(path, std::exchange(findings, {}));
    };
    while (const auto line = lines.next()) {
        if (*line == before)
            continue; // told twice
        before = *line;
        Finding finding = parse_finding(std::string_view(*line).substr(line->find(' ') + 1), {"", 0});
        if (finding.path != path || findings.size() >= k_most_findings)
            pass_on();
        path = finding.path;
        findings.push_back(std::move(finding));
    }
    pass_on();
    repair.finish();
}

} // namespace

Repair::Repair(const processor::Cluster& cluster, RepairOptions options)
    : m_cluster(&cluster),
      m_options(std::move(options)) {}

void Repair::add(const Finding& finding) {
    if (finding.kind == FindingKind::orphan) {
        m_orphans.add_listed(finding.node, finding.name, finding.size_bytes);
        ++m_orphan_count;
    } else {
        m_of_files.add(base::encode_name(finding.path) + " " + format_finding(finding));
    }
}

RepairSummary Repair::run() {
    const bool pretends = m_options.intent == Intent::pretend;
    const base::Clock& clock = base::system_clock();
    const auto catalog =
        pretends ? catalog::Catalog::open_existing(m_cluster->root) : catalog::Catalog(m_cluster->root);
    const auto spool =
        pretends ? queue::Spool::open_existing(m_cluster->root, clock) : queue::Spool(m_cluster->root, clock);
    RepairSummary summary;
    NodeLooks looks(m_cluster->nodes);
    const RepairContext context{*m_cluster, m_options, catalog, spool, looks, summary};
    m_of_files.finish();
    repair_files(m_of_files, context);
    if (m_orphan_count > 0)
        OrphanRepair(context).run(m_orphans);
    if (!pretends) {
        catalog.clear_abandoned();
        spool.clear_abandoned();
    }
    return summary;
}

} // namespace nodespool::upkeep
