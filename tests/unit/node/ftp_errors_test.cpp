// The table from lost connections and replies to failure classes.
#include "node/ftp_errors.hpp"

#include <doctest/doctest.h>

using namespace nodespool::node;

namespace {

using Why = FtpLost::Why;

struct Row {
    Why why;
    int reply;
    FtpPhase phase;
    Failure expected;
};

const Row k_table[] = {
    // nobody there, or nobody who lets us in
    {Why::closed, 0, FtpPhase::logging_in, Failure::node_down},
    {Why::late, 0, FtpPhase::logging_in, Failure::node_down},
    {Why::garbled, 0, FtpPhase::logging_in, Failure::node_down},
    // silence after the connection was made
    {Why::stalled, 0, FtpPhase::logging_in, Failure::temporary},
    {Why::stalled, 0, FtpPhase::logged_in, Failure::temporary},
    // 421 at any time
    {Why::closed, 421, FtpPhase::logging_in, Failure::temporary},
    {Why::closed, 421, FtpPhase::logged_in, Failure::temporary},
    // the wire
    {Why::closed, 0, FtpPhase::logged_in, Failure::temporary},
    {Why::no_data, 0, FtpPhase::logged_in, Failure::temporary},
    {Why::garbled, 0, FtpPhase::logged_in, Failure::temporary},
};

} // namespace

TEST_CASE("a lost connection has one class") {
    for (const Row& row : k_table) {
        CAPTURE(static_cast<int>(row.why));
        CAPTURE(row.reply);
        CAPTURE(static_cast<int>(row.phase));
        CHECK(failure_of(FtpLost{row.why, "text", row.reply}, row.phase) == row.expected);
    }
}

TEST_CASE("a refusing reply has one class") {
    CHECK(failure_of_reply(421) == Failure::temporary);
    CHECK(failure_of_reply(425) == Failure::temporary);
    CHECK(failure_of_reply(450) == Failure::temporary);
    CHECK(failure_of_reply(451) == Failure::temporary);
    CHECK(failure_of_reply(452) == Failure::node_full);
    CHECK(failure_of_reply(500) == Failure::permanent);
    CHECK(failure_of_reply(502) == Failure::permanent);
    CHECK(failure_of_reply(550) == Failure::permanent);
    CHECK(failure_of_reply(552) == Failure::node_full);
    CHECK(failure_of_reply(553) == Failure::permanent);
}

TEST_CASE("no password and no control byte is presented") {
    CHECK(presentable("530 sesame is not it: sesame", "sesame") == "530 *** is not it: ***");
    CHECK(presentable("530 no\x1B[2J", "") == "530 no\\x1B[2J");
    CHECK(presentable("aaa", "a") == "*********");
}
