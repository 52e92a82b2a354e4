// Sizes, asked of nodes.
#include "upkeep/drain_look.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

constexpr unsigned k_failures_that_count = 3;

} // namespace

CopyLook::Node& CopyLook::node_of(const std::string& name) {
    const auto [found, is_new] = m_known.try_emplace(name);
    if (is_new) {
        const auto config = std::find_if(m_nodes->begin(), m_nodes->end(),
                                         [&](const auto& node) { return node.name == name; });
        if (config == m_nodes->end())
            found->second.given_up = name + ": no such node is configured";
        else
            found->second.session = node::make_session(*config, m_interrupt);
    }
    return found->second;
}

std::string CopyLook::why_not_seen(const catalog::Copy& copy, std::uint64_t size_bytes) {
    if (base::is_broken(base::Break::drained_unseen))
        return {};
    Node& node = node_of(copy.node);
    if (!node.given_up.empty())
        return node.given_up;
    try {
        const std::optional<std::uint64_t> size = node.session->size(copy.name);
        node.failures_in_a_row = 0;
        if (!size)
            return copy.node + ": it is not there";
        return *size == size_bytes ? "" : fmt::format("{}: it has {} bytes", copy.node, *size);
    } catch (const node::NodeError& error) {
        const bool counts = error.failure() == node::Failure::temporary;
        node.failures_in_a_row = counts ? node.failures_in_a_row + 1 : 0;
        if (error.failure() == node::Failure::node_down || node.failures_in_a_row == k_failures_that_count) {
            node.given_up = error.what();
            base::log(base::LogLevel::warning,
                      {{"result", "not-asked-again"}, {"node", copy.node}, {"reason", node.given_up}});
        }
        return error.what();
    }
}

} // namespace nodespool::upkeep
