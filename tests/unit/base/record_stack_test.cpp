// The stack that spills: against one that does not.
#include "base/error.hpp"
#include "base/record_stack.hpp"
#include "support/environment.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <vector>

using namespace nodespool;
using base::RecordStack;

TEST_CASE("records come back last first, whatever is in them and however little fits in memory") {
    for (const std::size_t memory : {0, 1, 30, 100, 100000}) {
        CAPTURE(memory);
        RecordStack stack(memory);
        std::vector<std::string> expected;
        std::uint64_t state = 1;
        for (int step = 0; step < 20000; ++step) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            // Long rises and long falls, so that the border to the file is crossed both ways.
            const bool rises = (step / 1000) % 2 == 0;
            if ((state >> 60U) < (rises ? 11U : 5U)) {
                const std::string record((state >> 50U) % 40, static_cast<char>(state >> 40U));
                stack.push(record);
                expected.push_back(record);
            } else if (expected.empty()) {
                REQUIRE_FALSE(stack.pop());
            } else {
                REQUIRE(stack.pop() == expected.back());
                expected.pop_back();
            }
            REQUIRE(stack.empty() == expected.empty());
        }
        for (; !expected.empty(); expected.pop_back())
            REQUIRE(stack.pop() == expected.back());
        CHECK_FALSE(stack.pop());
    }
}

TEST_CASE("what does not fit lies in TMPDIR under no name") {
    const test::TempDir dir;
    const test::EnvironmentVariable variable("TMPDIR", dir.path());
    RecordStack stack(10);
    for (int i = 0; i < 100; ++i)
        stack.push("record");
    CHECK(std::filesystem::is_empty(dir.path()));
    const test::EnvironmentVariable nowhere("TMPDIR", dir / "none");
    RecordStack other(10);
    other.push("fits in memory");
    other.push("and so does this");
    CHECK_THROWS_AS(other.push("but this does not"), base::Error);
}
