// Hashes that other processes, and later versions, must find again.
#include "base/stable_hash.hpp"

#include <doctest/doctest.h>

using namespace nodespool::base;

TEST_CASE("stable hashes are XXH3's published values") {
    CHECK(stable_hash("") == 0x2d06800538d394c2);
    CHECK(stable_hash_hex("") == "99aa06d3014798d86001c324468d497f");
    CHECK(stable_hash_hex("d/a") != stable_hash_hex("d/b"));
    CHECK(stable_hash_hex("d/a").size() == 32);
}
