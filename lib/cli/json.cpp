// JSON Lines on standard output.
#include "cli/json.hpp"

#include "cli/output.hpp"

namespace nodespool::cli {

std::string json_line(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

void print_json(const Json& object) {
    print(json_line(object));
}

} // namespace nodespool::cli
