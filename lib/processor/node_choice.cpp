// Smooth weighted round robin.
#include "processor/node_choice.hpp"

#include "base/error.hpp"

#include <sstream>

namespace nodespool::processor {

NodeChoice::NodeChoice(const std::vector<Node>& nodes) {
    for (const Node& node : nodes)
        m_entries.push_back({node, 0});
}

std::size_t NodeChoice::turn(const std::vector<bool>& eligible) const {
    const auto credit_at_its_turn = [&](std::size_t i) {
        return m_entries[i].credit + m_entries[i].node.weight;
    };
    std::size_t best = m_entries.size();
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        if (eligible[i] && (best == m_entries.size() || credit_at_its_turn(i) > credit_at_its_turn(best)))
            best = i;
    base::ensure(best < m_entries.size(), "a node is eligible when one is chosen");
    return best;
}

std::size_t NodeChoice::next(const std::vector<bool>& eligible) {
    const std::size_t best = turn(eligible);
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        if (!eligible[i])
            continue;
        m_entries[i].credit += m_entries[i].node.weight;
        m_entries[best].credit -= m_entries[i].node.weight;
    }
    return best;
}

std::string NodeChoice::cursor() const {
    std::string text;
    for (const Entry& entry : m_entries)
        text += entry.node.name + ' ' + std::to_string(entry.credit) + '\n';
    return text;
}

void NodeChoice::restore(const std::string& cursor) {
    std::istringstream lines(cursor);
    std::string name;
    long credit = 0;
    // Bounded, so that a damaged file cannot keep a node from its turns for long.
    constexpr long k_most = 100000;
    while (lines >> name >> credit)
        for (Entry& entry : m_entries)
            if (entry.node.name == name && credit > -k_most && credit < k_most)
                entry.credit = credit;
}

} // namespace nodespool::processor
