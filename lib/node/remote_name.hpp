// The names that may be sent to a node.
#pragma once

#include <string>
#include <string_view>

namespace nodespool::node {

/// Says why @p name cannot be a name on a node ("a name with a control byte", ...); empty where it can.
std::string why_not_a_remote_name(std::string_view name);

/// The directory at the top of a disk in which its file system keeps what a check of it found. It is no part
/// of the node, and closed to all but root.
constexpr std::string_view k_of_file_system = "lost+found";

/// @throws NodeError permanent where @p name cannot be a name on a node: nothing was sent then
void refuse_bad_name(const std::string& node, std::string_view action, std::string_view name);

} // namespace nodespool::node
