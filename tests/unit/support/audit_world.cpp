// Planting copies, checking and repairing.
#include "support/audit_world.hpp"

#include "base/digest.hpp"

#include <algorithm>
#include <filesystem>

namespace nodespool::test {

void AuditWorld::put_copy(const std::string& node, const std::string& name,
                          const std::string& content) const {
    write_file(root() + "/" + node + "/" + name, content);
}

void AuditWorld::take_copy(const std::string& node, const std::string& name) const {
    std::filesystem::remove(root() + "/" + node + "/" + name);
}

catalog::Link AuditWorld::record(const std::string& path, const std::string& content,
                                 const std::vector<std::string>& copies, unsigned wanted) const {
    catalog::Link link;
    link.path = path;
    link.size_bytes = content.size();
    link.mtime = {{1700000000, 5}, 9};
    link.copies = wanted;
    base::Digest digest(base::ChecksumKind::sha256);
    digest.update(content);
    link.checksum = digest.finish();
    for (const std::string& copy : copies) {
        const std::size_t blank = copy.find(' ');
        link.servers.push_back({copy.substr(0, blank), copy.substr(blank + 1), {}});
        put_copy(link.servers.back().node, link.servers.back().name, content);
    }
    write_link(link);
    return link;
}

void AuditWorld::write_link(const catalog::Link& link) const {
    const catalog::Catalog catalog(root());
    catalog::LinkBatch batch(catalog, {link.path});
    batch.replace(link);
    batch.commit();
}

std::vector<std::string> AuditWorld::check(const upkeep::AuditOptions& options) const {
    std::vector<std::string> findings;
    upkeep::AuditOptions with = options;
    with.settle = std::chrono::milliseconds(0);
    with.on_finding = [&](const upkeep::Finding& finding) {
        findings.push_back(upkeep::format_finding(finding));
    };
    upkeep::audit(cluster, with);
    std::sort(findings.begin(), findings.end());
    return findings;
}

upkeep::AuditSummary AuditWorld::check_summary(const upkeep::AuditOptions& options) const {
    upkeep::AuditOptions with = options;
    with.settle = std::chrono::milliseconds(0);
    with.on_finding = [](const upkeep::Finding&) {};
    return upkeep::audit(cluster, with);
}

std::vector<std::string> AuditWorld::repair(const std::vector<std::string>& findings,
                                            const upkeep::RepairOptions& options) const {
    std::vector<std::string> outcomes;
    upkeep::RepairOptions with = options;
    with.on_outcome = [&](const upkeep::RepairOutcome& outcome) {
        outcomes.push_back(std::string(upkeep::to_string(outcome.result)) + " " +
                           upkeep::format_finding(outcome.finding));
    };
    upkeep::Repair repair(cluster, with);
    for (const std::string& line : findings)
        repair.add(upkeep::parse_finding(line, {"test", 1}));
    repair.run();
    std::sort(outcomes.begin(), outcomes.end());
    return outcomes;
}

} // namespace nodespool::test
