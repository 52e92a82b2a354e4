// The names that may be sent to a node.
#pragma once

#include <string>
#include <string_view>

namespace nodespool::node {

/// Says why @p name cannot be a name on a node ("a name with a control byte", ...); empty where it can.
std::string why_not_a_remote_name(std::string_view name);

/// @throws NodeError permanent where @p name cannot be a name on a node: nothing was sent then
void refuse_bad_name(const std::string& node, std::string_view action, std::string_view name);

} // namespace nodespool::node
