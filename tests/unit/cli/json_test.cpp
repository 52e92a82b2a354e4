// JSON Lines.
#include "cli/json.hpp"

#include <doctest/doctest.h>

using nodespool::cli::Json;
using nodespool::cli::json_line;

TEST_CASE("an object is one line, its keys in the order in which they were set") {
    Json object;
    object["size"] = 12;
    object["path"] = "a \"b\"\nc";
    object["copies"] = 0;
    CHECK(json_line(object) == "{\"size\":12,\"path\":\"a \\\"b\\\"\\nc\",\"copies\":0}\n");
}

TEST_CASE("bytes that are not UTF-8 do not break the line") {
    CHECK(json_line(Json{{"path", "a\xFFz"}}) == "{\"path\":\"a\xEF\xBF\xBDz\"}\n");
}
