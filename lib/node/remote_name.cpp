// Refuses names that could leave the node's root or smuggle a command into a control connection.
#include "node/remote_name.hpp"

#include "base/path_name.hpp"
#include "node/session.hpp"

#include <algorithm>

namespace nodespool::node {

std::string why_not_a_remote_name(std::string_view name) {
    if (name.empty())
        return "an empty name";
    if (name.front() == '/')
        return "an absolute name";
    if (name.size() > 4000)
        return "a name of more than 4000 bytes";
    if (std::any_of(name.begin(), name.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; }))
        return "a name with a control byte";
    while (true) {
        const std::size_t slash = name.find('/');
        const std::string_view component = name.substr(0, slash);
        if (component.empty())
            return "a name with an empty component";
        if (component == "." || component == "..")
            return "a name with a '" + std::string(component) + "' component";
        if (slash == std::string_view::npos)
            return {};
        name.remove_prefix(slash + 1);
    }
}

void refuse_bad_name(const std::string& node, std::string_view action, std::string_view name) {
    const std::string why = why_not_a_remote_name(name);
    if (!why.empty())
        throw NodeError(Failure::permanent, node,
                        "cannot " + std::string(action) + " " + base::printable(name) + ": refused, it is " +
                            why);
}

} // namespace nodespool::node
