// Node names, and what a node's URL adds to its configuration.
#include "node/config.hpp"

#include "node/url.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

bool is_letter_or_digit(char byte) {
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

} // namespace

bool is_node_name(std::string_view name) {
    return !name.empty() && is_letter_or_digit(name.front()) &&
           std::all_of(name.begin(), name.end(), [](char byte) {
               return is_letter_or_digit(byte) || byte == '_' || byte == '.' || byte == '-';
           });
}

void parse_node_url(std::string_view url_text, NodeConfig& config) {
    NodeUrl url = split_node_url(url_text, config.name);
    config.url = std::move(url.without_password);
    config.user = std::move(url.user);
    config.password = std::move(url.password);
}

} // namespace nodespool::node
