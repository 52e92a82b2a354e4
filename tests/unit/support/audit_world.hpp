// A small cluster that check and repair look at: copies and link files put there by hand.
#pragma once

#include "support/world.hpp"
#include "upkeep/audit.hpp"
#include "upkeep/repair.hpp"

#include <string>
#include <vector>

namespace nodespool::test {

class AuditWorld : public World {
  public:
    /// A file on a node, whatever else knows it.
    void put_copy(const std::string& node, const std::string& name, const std::string& content) const;
    void take_copy(const std::string& node, const std::string& name) const;
    /// A link file for @p content with these copies ("NODE NAME"), which are put on their nodes as well.
    catalog::Link record(const std::string& path, const std::string& content,
                         const std::vector<std::string>& copies, unsigned wanted = 1) const;
    void write_link(const catalog::Link& link) const;

    /// What check prints, sorted.
    [[nodiscard]] std::vector<std::string> check(const upkeep::AuditOptions& options = {}) const;
    [[nodiscard]] upkeep::AuditSummary check_summary(const upkeep::AuditOptions& options = {}) const;
    /// Repairs what stands in @p findings; `RESULT FINDING` for each, sorted.
    std::vector<std::string> repair(const std::vector<std::string>& findings,
                                    const upkeep::RepairOptions& options = {}) const;
    /// `check | repair`
    std::vector<std::string> check_and_repair() const { return repair(check()); }
};

} // namespace nodespool::test
