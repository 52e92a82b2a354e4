// What a node's URL adds to its configuration.
#include "node/config.hpp"

#include "node/url.hpp"

namespace nodespool::node {

NodeAddress parse_node_url(std::string_view url_text, NodeConfig& config) {
    NodeUrl url = split_node_url(url_text, config.name);
    config.url = std::move(url.without_password);
    config.user = std::move(url.user);
    config.password = std::move(url.password);
    if (url.scheme == Scheme::file)
        config.local_directory = std::move(url.directory);
    return {url.scheme, std::move(url.host)};
}

} // namespace nodespool::node
