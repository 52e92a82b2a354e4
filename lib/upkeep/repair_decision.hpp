// What becomes of one link file, given what its nodes said just now.
#pragma once

#include "catalog/link.hpp"
#include "upkeep/audit_finding.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nodespool::upkeep {

/// What repair did about a finding, or would do.
enum class Repaired {
    dropped,          ///< the link file no longer names the copy, which is not there
    removal_queued,   ///< the copy has its `remove` job, and no link file names it
    replicate_queued, ///< a job makes the copies that are lacking
    store_queued,     ///< no copy is left, and a job stores the local file again
    adopted,          ///< the orphan has a link file under `lost+found/`
    settled,          ///< it is no longer so: nothing to do
    kept,             ///< left as it is: repairing it could lose something, or a person has to
    lost,             ///< no copy is left anywhere
    not_verified      ///< its node could not be asked: left as it is
};

std::string_view to_string(Repaired result);

struct RepairOutcome {
    Finding finding;
    Repaired result = Repaired::settled;
    std::string reason; ///< details for people; may be empty
};

/// What a node said of a copy.
struct Judgement {
    enum class State {
        sound, ///< there, and as recorded, as far as it was looked at
        absent,
        damaged,
        unknown ///< could not be asked
    };
    State state = State::unknown;
    std::string why;
};
/// By node and name.
using Judgements = std::map<std::pair<std::string, std::string>, Judgement>;

struct Decision {
    catalog::Link link;     ///< as it shall be, with `gone` lines for damaged copies
    bool changes = false;   ///< it differs from what stands there
    bool is_short = false;  ///< copies are lacking, and one is left: worth a `replicate` job
    bool lacks_all = false; ///< no copy is left
    unsigned wanted = 1;    ///< copies
    std::vector<RepairOutcome> outcomes;
};

/// The findings of one file against its link file as it stands now (nullopt: there is none).
Decision decide(const std::vector<Finding>& findings, const std::optional<catalog::Link>& link,
                const Judgements& judgements);

} // namespace nodespool::upkeep
