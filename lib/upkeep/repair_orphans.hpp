// The half of repair that works on orphans.
#pragma once

#include "upkeep/repair_context.hpp"

#include <string>
#include <vector>

namespace nodespool::upkeep {

class OrphanRepair {
  public:
    explicit OrphanRepair(const RepairContext& context) : m_context(context) {}

    /// @param facts  the orphans as listed; what explains copies is gathered into it, for all at once
    void run(CopyFacts& facts);

  private:
    struct Orphan {
        Finding finding;
        bool is_there = false;
        std::string unknown; ///< why its node could not tell
    };

    void judge(const NameFacts& known, const CopyFact& listed, Gathering gathering);
    void finish_batch();
    void adopt();
    void adopt_one(catalog::LinkBatch& batch, const Orphan& orphan, std::vector<RepairOutcome>& outcomes);
    void queue_removals();
    [[nodiscard]] std::string why_not_adopted(const Finding& finding) const;

    RepairContext m_context;
    std::vector<Orphan> m_batch;
};

} // namespace nodespool::upkeep
