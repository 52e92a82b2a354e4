// JSON Lines on standard output: one object a line.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace nodespool::cli {

/// Keys stay in the order in which they were set. Names go in encoded (base::encode_name), so that they are
/// UTF-8.
using Json = nlohmann::ordered_json;

/// The object in one line, with its newline; bytes that are not UTF-8 become U+FFFD, never an exception.
std::string json_line(const Json& object);

/// print(json_line()).
void print_json(const Json& object);

} // namespace nodespool::cli
