// What a failed system call on a `file:` node means for the job and the node.
#pragma once

#include "node/session.hpp"

#include <optional>

namespace nodespool::node {

/// @param code  errno of a call on the node's directory
/// @return nullopt: this process or machine ran out of something, the node is not to blame
std::optional<Failure> failure_of_errno(int code);

} // namespace nodespool::node
