// Replies and listings, as servers write them.
#include "node/ftp_listing.hpp"
#include "node/ftp_reply.hpp"

#include <doctest/doctest.h>

using namespace nodespool::node;

namespace {

FtpReplies replies_of(std::initializer_list<const char*> lines) {
    FtpReplies replies;
    for (const char* line : lines)
        replies.add_line(line);
    return replies;
}

// vsftpd, pure-ftpd and proftpd, each as it answers LIST -a.
const char* const k_vsftpd = "drwxr-xr-x    2 1001     1001         4096 Nov 21 13:30 .\r\n"
                             "drwxr-xr-x   66 1001     1001         4096 Nov 21 13:29 ..\r\n"
                             "-rw-r--r--    1 1001     1001   5368709120 Nov 20  2025 big file.bin\r\n"
                             "-rw-r--r--    1 1001     1001            0 Nov 21 13:30 .hidden\r\n"
                             "lrwxrwxrwx    1 0        0               4 Nov 21 13:30 link -> file\r\n";
const char* const k_pure = "total 12\r\n"
                           "drwxr-xr-x    2 1001       nodes            4096 Nov 21 13:30 .\r\n"
                           "-rw-r--r--    1 1001       nodes              12 Nov 21 13:30 a\r\n";

} // namespace

TEST_CASE("a reply ends with its code and a blank") {
    const FtpReplies replies =
        replies_of({"220-Welcome\r\n", " to this server\r\n", "220 ready\r\n", "331 password\r\n"});
    REQUIRE(replies.count() == 2);
    CHECK(replies.last(2)[0].code == 220);
    CHECK(replies.last(2)[0].text == "220 Welcome  to this server ready");
    CHECK(replies.last_code() == 331);
    CHECK(replies.last_text() == "331 password");
    CHECK(replies.last(9).size() == 2);
}

TEST_CASE("lines without a code belong to the reply that follows") {
    CHECK(replies_of({"noise\r\n"}).count() == 0);
    CHECK(replies_of({"noise\r\n"}).last_code() == 0);
    CHECK(replies_of({""}).count() == 0);
    CHECK(replies_of({"12\r\n"}).count() == 0);
    CHECK(replies_of({"550-no", "550 sorry"}).last_text() == "550 no sorry");
}

TEST_CASE("a banner without end takes no memory without end") {
    FtpReplies replies;
    for (int i = 0; i < 100000; ++i)
        replies.add_line("220-all work and no play");
    replies.add_line("220 ready");
    CHECK(replies.last_code() == 220);
    CHECK(replies.last_text().size() <= 600);
}

TEST_CASE("a login shows in the replies") {
    CHECK_FALSE(replies_of({"220 ready"}).shows_login());
    CHECK_FALSE(replies_of({"220 ready", "331 password"}).shows_login());
    CHECK_FALSE(replies_of({"220 ready", "331 password", "530 no"}).shows_login());
    CHECK(replies_of({"220 ready", "331 password", "230 ok"}).shows_login());
    CHECK(replies_of({"220 ready", "230 ok"}).shows_login());
    CHECK(replies_of({"230 come in"}).shows_login());
    CHECK(replies_of({"220 ready", "331 password", "202 superfluous"}).shows_login());
    CHECK_FALSE(replies_of({}).shows_login());
}

TEST_CASE("only a 213 with a number is a size") {
    CHECK(size_from({213, "213 0"}) == 0);
    CHECK(size_from({213, "213 18446744073709551615"}) == UINT64_MAX);
    CHECK(size_from({213, "213 12 "}) == 12);
    for (const FtpReply& other :
         {FtpReply{213, "213 "}, FtpReply{213, "213"}, FtpReply{213, "213 12 bytes"}, FtpReply{213, "213 -1"},
          FtpReply{213, "213 18446744073709551616"}, FtpReply{550, "550 12"}, FtpReply{}})
        CHECK(size_from(other) == std::nullopt);
}

TEST_CASE("a listing tells names and sizes") {
    const FtpListing vsftpd(k_vsftpd, "226 Directory send OK.");
    CHECK(vsftpd.size_of("big file.bin") == 5368709120);
    CHECK(vsftpd.size_of(".hidden") == 0);
    CHECK(vsftpd.may_hold("link"));
    CHECK(vsftpd.size_of("link") == std::nullopt);
    CHECK_FALSE(vsftpd.may_hold("file.bin"));
    CHECK_FALSE(vsftpd.may_hold("big"));
    CHECK(vsftpd.would_show("other"));
    CHECK(vsftpd.would_show(".other"));
    const FtpListing pure(k_pure, "226-Options: -a -l\n226 2 matches total");
    CHECK(pure.size_of("a") == 12);
    CHECK_FALSE(pure.may_hold("b"));
    CHECK(pure.would_show("b"));
}

TEST_CASE("names may begin with a blank") {
    const FtpListing listing("-rw-r--r-- 1 u g 3 Nov 21 13:30  a\r\n", "226 ok");
    CHECK(listing.size_of(" a") == 3);
    CHECK_FALSE(listing.may_hold("a"));
}

TEST_CASE("a listing that may not be whole proves no absence") {
    CHECK_FALSE(FtpListing("", "226 ok").would_show("a"));
    CHECK_FALSE(FtpListing("total 0\r\n", "226 ok").would_show("a"));
    CHECK_FALSE(FtpListing(k_pure, "226 Output truncated to 10000 matches").would_show("b"));
    CHECK_FALSE(FtpListing("-rw-r--r-- 1 u g 3 Nov 21 13:30 a\r\n", "226 ok").would_show(".b"));
    CHECK(FtpListing("-rw-r--r-- 1 u g 3 Nov 21 13:30 a\r\n", "226 ok").would_show("b"));
}

TEST_CASE("a line of unknown form never makes a name absent") {
    for (const char* const line :
         {"11-21-26  01:30PM       12 name\r\n", "name\r\n", "-rw-r--r-- 1 u g twelve Nov 21 13:30 name\r\n",
          "type=file;size=12; name\r\n", "-rw-r--r-- name\r\n", "-rw-r--r-- 1 u g 12 Nov 21 name\r\n"}) {
        CAPTURE(line);
        const FtpListing listing(line, "226 ok");
        CHECK(listing.may_hold("name"));
        CHECK(listing.size_of("name") == std::nullopt);
        CHECK_FALSE(listing.would_show("other"));
    }
}
