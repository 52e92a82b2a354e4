// Names of the failure classes, as logs show them.
#include "node/session.hpp"

namespace nodespool::node {

std::string_view to_string(Failure failure) {
    switch (failure) {
    case Failure::temporary:
        return "temporary";
    case Failure::node_down:
        return "node-down";
    case Failure::node_full:
        return "node-full";
    case Failure::node_unwritable:
        return "node-unwritable";
    case Failure::permanent:
        return "permanent";
    }
    return "unknown";
}

} // namespace nodespool::node
