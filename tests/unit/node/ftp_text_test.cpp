// Replies and listings, as servers write them.
#include "node/ftp_listing.hpp"
#include "node/ftp_reply.hpp"

#include <doctest/doctest.h>

using namespace nodespool::node;

namespace {

std::vector<FtpReply> replies_of(std::initializer_list<const char*> lines) {
    FtpReplyReader reader;
    std::vector<FtpReply> replies;
    for (const char* line : lines)
        if (const std::optional<FtpReply> reply = reader.add_line(line))
            replies.push_back(*reply);
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
    const std::vector<FtpReply> replies =
        replies_of({"220-Welcome\r\n", " to this server\r\n", "220 ready\r\n", "331 password\r\n"});
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].code == 220);
    CHECK(replies[0].text == "220 Welcome  to this server ready");
    CHECK(replies[0].lines_before == std::vector<std::string>{"220-Welcome", " to this server"});
    CHECK(replies[1].code == 331);
    CHECK(replies[1].text == "331 password");
    CHECK(replies[1].lines_before.empty());
}

TEST_CASE("a line inside a reply does not end it, whatever number it begins with") {
    const std::vector<FtpReply> replies = replies_of(
        {"220-Rules", "550 users at most", "220-", "230 a day", "220 ready", "331-", "331", "230", "200 ok"});
    REQUIRE(replies.size() == 4);
    CHECK(replies[0].text == "220 Rules 550 users at most 230 a day ready");
    CHECK(replies[1].code == 331);
    CHECK(replies[2].code == 230);
    CHECK(replies[3].text == "200 ok");
}

TEST_CASE("what cannot begin a reply is known by its first bytes, and is part of none") {
    for (const char* const start : {"", "\r\n", "2", "22", "220", "220 ", "220-", "220\r\n", "550 no\r\n"})
        CHECK_MESSAGE(can_begin_reply(start), start);
    for (const char* const start :
         {"S", "noise\r\n", "12\r\n", "2 ", "220x", "020 ", "620 ", " 220 ", "-1", "\x15\x03", "\xFF\xFB"})
        CHECK_FALSE_MESSAGE(can_begin_reply(start), start);
    CHECK_FALSE(can_begin_reply(std::string_view("\0", 1)));
    const std::vector<FtpReply> replies = replies_of({"noise", "", "\r\n", "12", "550-no", "550 sorry"});
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].text == "550 no sorry");
    CHECK(replies[0].lines_before == std::vector<std::string>{"550-no"});
}

TEST_CASE("a banner without end takes no memory without end") {
    FtpReplyReader reader;
    for (int i = 0; i < 100000; ++i)
        CHECK_FALSE(reader.add_line("220-all work and no play"));
    CHECK(reader.is_inside());
    CHECK(reader.bytes() > 2000000);
    const std::optional<FtpReply> reply = reader.add_line("220 ready");
    REQUIRE(reply);
    CHECK(reply->text.size() <= 600);
    CHECK(reply->lines_before.size() <= 100);
    CHECK_FALSE(reader.is_inside());
    CHECK(reader.bytes() == 0);
}

TEST_CASE("a data port is read from 229 and 227, and its address from neither") {
    CHECK(port_from({229, "229 Entering Extended Passive Mode (|||6446|)"}) == 6446);
    CHECK(port_from({229, "229 (really) ok (!!!1!)"}) == 1);
    CHECK(port_from({227, "227 Entering Passive Mode (192,168,0,1,25,46)."}) == 25 * 256 + 46);
    CHECK(port_from({227, "227 =1,2,3,4,0,21"}) == 21);
    for (const FtpReply& other :
         {FtpReply{229, "229 (|||0|)"}, FtpReply{229, "229 (|||65536|)"}, FtpReply{229, "229 (|||6446)"},
          FtpReply{229, "229 (||6446|)"}, FtpReply{229, "229 ok"}, FtpReply{229, "229 ("},
          FtpReply{229, "229 (||||)"}, FtpReply{227, "227 (1,2,3,4,5)"}, FtpReply{227, "227 (1,2,3,4,0,0)"},
          FtpReply{227, "227 (1,2,3,4,256,0)"}, FtpReply{227, "227 ok"}, FtpReply{200, "200 (|||6446|)"},
          FtpReply{}})
        CHECK(port_from(other) == std::nullopt);
}

TEST_CASE("the login directory is read from 257, with its quotes") {
    CHECK(directory_from({257, "257 \"/\" is the current directory"}) == "/");
    CHECK(directory_from({257, "257 \"/a \"\"b\"\" c\""}) == "/a \"b\" c");
    CHECK(directory_from({257, "257 /a"}) == std::nullopt);
    CHECK(directory_from({257, "257 \"\""}) == std::nullopt);
    CHECK(directory_from({257, "257 \"/a"}) == std::nullopt);
    CHECK(directory_from({550, "550 \"/\""}) == std::nullopt);
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
