// The table from what libcurl and the server say to failure classes.
#include "node/ftp_errors.hpp"

#include <doctest/doctest.h>

using namespace nodespool::node;

namespace {

struct Row {
    CURLcode code;
    int last_reply;
    FtpPhase phase;
    Failure expected;
};

constexpr FtpPhase k_connecting = FtpPhase::connecting;
constexpr FtpPhase k_late = FtpPhase::connect_timeout;
constexpr FtpPhase k_in = FtpPhase::logged_in;

const Row k_table[] = {
    // nobody there, or nobody who lets us in
    {CURLE_COULDNT_RESOLVE_HOST, 0, k_connecting, Failure::node_down},
    {CURLE_COULDNT_CONNECT, 0, k_connecting, Failure::node_down},
    {CURLE_OPERATION_TIMEDOUT, 0, k_late, Failure::node_down},
    {CURLE_OPERATION_TIMEDOUT, 220, k_late, Failure::node_down},
    {CURLE_LOGIN_DENIED, 530, k_connecting, Failure::node_down},
    {CURLE_LOGIN_DENIED, 430, k_connecting, Failure::node_down},
    {CURLE_WEIRD_SERVER_REPLY, 554, k_connecting, Failure::node_down},
    {CURLE_RECV_ERROR, 0, k_connecting, Failure::node_down},
    {CURLE_GOT_NOTHING, 220, k_connecting, Failure::node_down},
    // silence after the connection was made
    {CURLE_OPERATION_TIMEDOUT, 0, k_connecting, Failure::temporary},
    {CURLE_OPERATION_TIMEDOUT, 331, k_connecting, Failure::temporary},
    {CURLE_OPERATION_TIMEDOUT, 150, k_in, Failure::temporary},
    {CURLE_OPERATION_TIMEDOUT, 550, k_in, Failure::temporary},
    // 421 at any time
    {CURLE_WEIRD_SERVER_REPLY, 421, k_connecting, Failure::temporary},
    {CURLE_OPERATION_TIMEDOUT, 421, k_connecting, Failure::temporary},
    {CURLE_LOGIN_DENIED, 421, k_connecting, Failure::temporary},
    {CURLE_OPERATION_TIMEDOUT, 421, k_in, Failure::temporary},
    // refusals
    {CURLE_UPLOAD_FAILED, 425, k_in, Failure::temporary},
    {CURLE_UPLOAD_FAILED, 426, k_in, Failure::temporary},
    {CURLE_UPLOAD_FAILED, 450, k_in, Failure::temporary},
    {CURLE_PARTIAL_FILE, 451, k_in, Failure::temporary},
    {CURLE_UPLOAD_FAILED, 452, k_in, Failure::node_full},
    {CURLE_PARTIAL_FILE, 452, k_in, Failure::node_full},
    {CURLE_UPLOAD_FAILED, 552, k_in, Failure::node_full},
    {CURLE_REMOTE_DISK_FULL, 552, k_in, Failure::node_full},
    {CURLE_UPLOAD_FAILED, 500, k_in, Failure::permanent},
    {CURLE_UPLOAD_FAILED, 532, k_in, Failure::permanent},
    {CURLE_UPLOAD_FAILED, 550, k_in, Failure::permanent},
    {CURLE_UPLOAD_FAILED, 553, k_in, Failure::permanent},
    {CURLE_REMOTE_FILE_NOT_FOUND, 550, k_in, Failure::permanent},
    {CURLE_REMOTE_ACCESS_DENIED, 550, k_in, Failure::permanent},
    // the wire
    {CURLE_SEND_ERROR, 150, k_in, Failure::temporary},
    {CURLE_SEND_ERROR, 550, k_in, Failure::temporary},
    {CURLE_RECV_ERROR, 229, k_in, Failure::temporary},
    {CURLE_GOT_NOTHING, 0, k_in, Failure::temporary},
    {CURLE_PARTIAL_FILE, 226, k_in, Failure::temporary},
    {CURLE_COULDNT_CONNECT, 229, k_in, Failure::temporary},
    {CURLE_COULDNT_CONNECT, 500, k_in, Failure::temporary},
    {CURLE_FTP_ACCEPT_TIMEOUT, 150, k_in, Failure::temporary},
    // this machine
    {CURLE_OUT_OF_MEMORY, 0, k_connecting, Failure::temporary},
    {CURLE_OUT_OF_MEMORY, 550, k_in, Failure::temporary},
    {CURLE_FAILED_INIT, 0, k_connecting, Failure::temporary},
};

} // namespace

TEST_CASE("what went wrong in an exchange has one class") {
    for (const Row& row : k_table) {
        CAPTURE(row.code);
        CAPTURE(row.last_reply);
        CAPTURE(static_cast<int>(row.phase));
        CHECK(failure_of_exchange(row.code, row.last_reply, row.phase) == row.expected);
    }
}

TEST_CASE("a refusing reply alone has the same classes") {
    CHECK(failure_of_reply(421) == Failure::temporary);
    CHECK(failure_of_reply(450) == Failure::temporary);
    CHECK(failure_of_reply(452) == Failure::node_full);
    CHECK(failure_of_reply(502) == Failure::permanent);
    CHECK(failure_of_reply(552) == Failure::node_full);
    CHECK(failure_of_reply(553) == Failure::permanent);
}

TEST_CASE("only a lost connection counts as broken") {
    CHECK(is_broken_connection(CURLE_SEND_ERROR, 0));
    CHECK(is_broken_connection(CURLE_RECV_ERROR, 229));
    CHECK(is_broken_connection(CURLE_OPERATION_TIMEDOUT, 421));
    CHECK_FALSE(is_broken_connection(CURLE_OPERATION_TIMEDOUT, 229));
    CHECK_FALSE(is_broken_connection(CURLE_UPLOAD_FAILED, 550));
}

TEST_CASE("a connection is kept only after a refusal that left it in step") {
    CHECK(is_refusal_in_step(CURLE_UPLOAD_FAILED));
    CHECK(is_refusal_in_step(CURLE_REMOTE_FILE_NOT_FOUND));
    CHECK(is_refusal_in_step(CURLE_REMOTE_ACCESS_DENIED));
    for (const CURLcode code :
         {CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
          CURLE_COULDNT_CONNECT, CURLE_LOGIN_DENIED, CURLE_WEIRD_SERVER_REPLY})
        CHECK_FALSE(is_refusal_in_step(code));
}
