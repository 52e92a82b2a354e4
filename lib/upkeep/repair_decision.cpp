// Deciding about link files.
#include "upkeep/repair_decision.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

class Decider {
  public:
    Decider(const catalog::Link& link, const Judgements& judgements) : m_judgements(&judgements) {
        m_decision.link = link;
        m_decision.wanted = std::max(link.copies, 1U);
    }

    Decision decide(const std::vector<Finding>& findings) {
        for (const Finding& finding : findings)
            decide(finding);
        catalog::Link& link = m_decision.link;
        m_decision.lacks_all = link.servers.empty() && (m_dropped || m_reported_lost);
        m_decision.is_short = !link.servers.empty() && link.servers.size() < m_decision.wanted &&
                              (m_dropped || m_reported_short);
        if (m_decision.lacks_all)
            for (RepairOutcome& outcome : m_decision.outcomes)
                if (outcome.result == Repaired::dropped)
                    outcome.result = Repaired::lost;
        return std::move(m_decision);
    }

  private:
    void decide(const Finding& finding) {
        switch (finding.kind) {
        case FindingKind::missing:
        case FindingKind::size:
        case FindingKind::content:
            decide_copy(finding);
            break;
        case FindingKind::too_few:
            decide_short(finding);
            break;
        case FindingKind::lost:
            if (m_decision.link.servers.empty()) {
                m_reported_lost = true;
                end(finding, Repaired::lost, "no copy is left");
            } else {
                end(finding, Repaired::settled, "it has a copy by now");
            }
            break;
        case FindingKind::gone:
            decide_gone(finding);
            break;
        case FindingKind::unreadable:
            end(finding, Repaired::settled, "the link file can be read by now");
            break;
        case FindingKind::orphan:
            break; // never of a link file
        }
    }

    void decide_copy(const Finding& finding) {
        const catalog::Copy copy{finding.node, finding.name, {}};
        if (!m_decision.link.has_copy(copy)) {
            end(finding, Repaired::settled, "the link file no longer names it");
            return;
        }
        const Judgement judgement = judgement_of(copy);
        switch (judgement.state) {
        case Judgement::State::sound:
            end(finding, Repaired::settled, "it is there, as recorded");
            break;
        case Judgement::State::absent:
            drop(copy);
            end(finding, Repaired::dropped, "");
            break;
        case Judgement::State::damaged:
            replace_damaged(finding, copy, judgement.why);
            break;
        case Judgement::State::unknown:
            end(finding, Repaired::not_verified, judgement.why);
            break;
        }
    }

    /// Only while another copy is known to be sound: a damaged one is better than none.
    void replace_damaged(const Finding& finding, const catalog::Copy& copy, const std::string& why) {
        const auto& servers = m_decision.link.servers;
        const bool other = std::any_of(servers.begin(), servers.end(), [&](const catalog::Copy& server) {
            return judgement_of(server).state == Judgement::State::sound;
        });
        if (!other) {
            end(finding, Repaired::kept, why + ", and no other copy was seen to be sound");
            return;
        }
        drop(copy);
        m_decision.link.gone.push_back(copy);
        end(finding, Repaired::removal_queued, why);
    }

    void decide_short(const Finding& finding) {
        const std::size_t have = m_decision.link.servers.size();
        if (have == 0) {
            m_reported_lost = true;
            end(finding, Repaired::lost, "no copy is left");
        } else if (have >= m_decision.wanted) {
            end(finding, Repaired::settled, fmt::format("it has {} copies", have));
        } else {
            m_reported_short = true;
            end(finding, Repaired::replicate_queued, "");
        }
    }

    void decide_gone(const Finding& finding) {
        const auto& gone = m_decision.link.gone;
        const bool is_there = std::any_of(gone.begin(), gone.end(), [&](const catalog::Copy& copy) {
            return copy.node == finding.node && copy.name == finding.name;
        });
        end(finding, is_there ? Repaired::removal_queued : Repaired::settled,
            is_there ? "" : "the link file no longer names it");
    }

    void drop(const catalog::Copy& copy) {
        std::erase_if(m_decision.link.servers,
                      [&](const catalog::Copy& server) { return server.is_same_place(copy); });
        m_decision.changes = true;
        m_dropped = true;
    }

    [[nodiscard]] Judgement judgement_of(const catalog::Copy& copy) const {
        const auto found = m_judgements->find({copy.node, copy.name});
        return found == m_judgements->end() ? Judgement{Judgement::State::unknown, "it was not looked at"}
                                            : found->second;
    }

    void end(const Finding& finding, Repaired result, const std::string& reason) {
        m_decision.outcomes.push_back({finding, result, reason});
    }

    const Judgements* m_judgements;
    Decision m_decision;
    bool m_dropped = false;
    bool m_reported_short = false;
    bool m_reported_lost = false;
};

} // namespace

std::string_view to_string(Repaired result) {
    switch (result) {
    case Repaired::dropped:
        return "dropped";
    case Repaired::removal_queued:
        return "removal-queued";
    case Repaired::replicate_queued:
        return "replicate-queued";
    case Repaired::store_queued:
        return "store-queued";
    case Repaired::adopted:
        return "adopted";
    case Repaired::settled:
        return "settled";
    case Repaired::kept:
        return "kept";
    case Repaired::lost:
        return "lost";
    case Repaired::not_verified:
        return "not-verified";
    }
    return "";
}

Decision decide(const std::vector<Finding>& findings, const std::optional<catalog::Link>& link,
                const Judgements& judgements) {
    if (link)
        return Decider(*link, judgements).decide(findings);
    Decision decision;
    for (const Finding& finding : findings)
        decision.outcomes.push_back({finding, Repaired::settled, "there is no such link file any more"});
    return decision;
}

} // namespace nodespool::upkeep
