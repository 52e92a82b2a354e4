// The kinds of checksums and their names.
#include "base/checksum.hpp"

#include <doctest/doctest.h>

using namespace nodespool::base;

TEST_CASE("kinds have names, and unknown ones are none of them") {
    for (const ChecksumKind kind : {ChecksumKind::none, ChecksumKind::sha256, ChecksumKind::xxh3})
        CHECK(checksum_kind_of(to_string(kind)) == kind);
    CHECK_FALSE(checksum_kind_of("md5").has_value());
    CHECK(kind_of_checksum("sha256:00") == ChecksumKind::sha256);
    CHECK_FALSE(kind_of_checksum("md5:00").has_value());
    CHECK_FALSE(kind_of_checksum("none:").has_value());
}
