// What a list makes of FTP servers that refuse, break off, lie or lack commands.
#include "faulty_ftp_server.hpp"
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace nodespool::node::test {

namespace {

const std::string k_self = "type=cdir;modify=20261121163427; .\r\n";
const std::string k_ls_self = "drwxr-xr-x 2 u g 4096 Nov 21 13:30 .\r\n";

std::set<std::string> lines_of(const FtpScript& script, Times times = Times::exact) {
    const FaultyFtpServer server(script);
    std::set<std::string> lines;
    make_session(server.config())
        ->list(
            [&](const ListedFile& file) {
                lines.insert(file.name + ' ' + (file.size_bytes ? std::to_string(*file.size_bytes) : "-") +
                             ' ' + (file.mtime ? base::format_time(*file.mtime) : "-"));
            },
            times);
    return lines;
}

NodeError error_of(const FtpScript& script, Times times = Times::exact) {
    return node_error_of([&] { lines_of(script, times); });
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

using Lines = std::set<std::string>;

} // namespace

TEST_CASE("facts are read as RFC 3659 writes them, in any case and order") {
    CHECK(lines_of({.facts = k_self + "Type=File;Size=12;Modify=20200203040506.789; a b\r\n"
                                      "modify=20200203040506;TYPE=file; no size\r\n"
                                      "type=file;size=1;modify=yesterday;  lead\r\n"
                                      "type=OS.unix=slink:/some where;size=1; link\r\n"
                                      "type=pdir; /\r\n"}) ==
          Lines{"a b 12 1580702706.789000000", "no size - 1580702706.000000000", " lead 1 -"});
}

TEST_CASE("a list that ends in the middle of a line broke off") {
    for (const std::string& facts : {k_self + "type=file;size=12; whole\r\ntype=file;size=1; ha",
                                     k_self + "type=file;size=12; whole\r"}) {
        const NodeError error = error_of({.facts = facts});
        CHECK(error.failure() == Failure::temporary);
        CHECK(contains(error.what(), "broke off"));
    }
    CHECK(error_of({.listing = k_ls_self + "-rw-r--r-- 1 u g 12 Nov 21 13:30 na"}).failure() ==
          Failure::temporary);
    CHECK(error_of({.listing = "<DIR>\r\n", .names = "na"}).failure() == Failure::temporary);
}

TEST_CASE("a list whose end is not acknowledged is an error") {
    for (const std::string reply : {"426 broken\r\n", "451 local error\r\n", "450 no\r\n", "421 bye\r\n",
                                    "<hang up>", "<silence>", "550 no\r\n", "500 what?\r\n"}) {
        CAPTURE(reply);
        FtpScript script{.replies = {{"LISTED", {reply}}}, .facts = k_self + "type=file;size=12; a\r\n"};
        CHECK_THROWS_AS(lines_of(script), NodeError);
        script.facts.reset();
        script.listing = k_ls_self + "-rw-r--r-- 1 u g 12 Nov 21 13:30 a\r\n";
        CHECK_THROWS_AS(lines_of(script), NodeError);
        script.listing.clear();
        script.names = "a\r\n";
        CHECK_THROWS_AS(lines_of(script), NodeError);
    }
}

TEST_CASE("a data connection that is reset in the middle of a list is an error") {
    std::string facts = k_self;
    for (int i = 0; i < 50000; ++i)
        facts += "type=file;size=1; " + std::to_string(i) + "\r\n";
    CHECK(error_of({.replies = {{"LISTED", {"426 broken\r\n"}}}, .facts = facts, .resets_lists = true})
              .failure() == Failure::temporary);
}

TEST_CASE("a list that is refused or never comes is an error") {
    for (const std::string reply : {"550 no\r\n", "450 busy\r\n", "425 no data connection\r\n", "421 bye\r\n",
                                    "<hang up>", "<silence>"}) {
        CAPTURE(reply);
        CHECK_THROWS_AS(lines_of({.replies = {{"MLSD", {reply}}}}), NodeError);
    }
    CHECK_THROWS_AS(lines_of({.facts = k_self, .dead_data_port = true}), NodeError);
}

TEST_CASE("an empty list is believed only where the server shows that it could read") {
    CHECK(lines_of({.facts = k_self}).empty());
    CHECK(lines_of({.listing = k_ls_self, .facts = ""}).empty());
    CHECK(lines_of({.listing = k_ls_self}).empty());
    CHECK(lines_of({.listing = "<DIR>\r\n", .names = ".\r\n..\r\n"}).empty());
    for (const FtpScript& script :
         {FtpScript{.facts = ""}, FtpScript{.facts = "type=pdir; ..\r\n"}, FtpScript{.listing = ""},
          FtpScript{.listing = "total 0\r\n"}, FtpScript{.listing = "", .names = ""},
          FtpScript{.listing = "total 0\r\n", .facts = ""}}) {
        const NodeError error = error_of(script);
        CHECK(error.failure() == Failure::permanent);
        CHECK(contains(error.what(), "does not show"));
    }
}

TEST_CASE("a line that is not understood is an error, not left out") {
    for (const std::string line :
         {"nonsense", "type=file;size=1;", "size=1; a", "type=file; ", "type=dir; a/b",
          "type=file;size=1; ../a", "type=file;size=1; a\nb\r\nc"}) {
        CAPTURE(line);
        CHECK(error_of({.facts = line + "\r\n" + k_self}).failure() != Failure::node_down);
    }
    const NodeError error = error_of({.listing = k_ls_self + "11-21-26  01:30PM       12 name\r\n"});
    CHECK(error.failure() == Failure::permanent);
    CHECK(contains(error.what(), "01:30PM"));
    CHECK_THROWS_AS(lines_of({.facts = k_self + std::string(1000000, 'x')}), NodeError);
}

TEST_CASE("a name with a newline cannot forge an entry") {
    // The newline is the name's where lines end with CRLF.
    CHECK(lines_of({.facts = k_self + "type=file;size=1; a\ntype=file;size=2; b\r\n"}) ==
          Lines{"a\ntype=file;size=2; b 1 -"});
    CHECK_THROWS_AS(lines_of({.facts = "type=file;size=1; a\ntype=file;size=2; b\r\n" + k_self}), NodeError);
    CHECK(lines_of({.facts = "type=cdir; .\ntype=file;size=1; a\ntype=file;size=2; b\n"}) ==
          Lines{"a 1 -", "b 2 -"});
}

TEST_CASE("without MLSD, sizes come from ls -l and times from MDTM, only where they are wanted") {
    const FtpScript script{
        .listing = k_ls_self + "-rw-r--r-- 1 u g 12 Nov 21 13:30 a b\r\n"
                               "-rw-r--r-- 1 u g 13 Nov 21 13:30 line\rfeed\r\n"
                               "-rw-r--r-- 1 u g 14 Nov 21 13:30 gone\r\n"
                               "brw-rw---- 1 u g 8, 0 Nov 21 13:30 sda\r\n",
        .exact_replies = {{"MDTM a b", "213 20200203040506\r\n"}, {"MDTM gone", "550 gone\r\n"}}};
    CHECK(lines_of(script) == Lines{"a b 12 1580702706.000000000", "line\rfeed 13 -", "gone 14 -"});
    FaultyFtpServer server(script);
    int files = 0;
    make_session(server.config())->list([&](const ListedFile&) { ++files; });
    CHECK(files == 3);
    for (const std::string& command : server.stop())
        CHECK_FALSE(command.starts_with("MDTM"));
}

TEST_CASE("without ls -l, names are asked for sizes, and what has none may be a directory") {
    FtpScript script{.listing = "11-21-26  01:30PM       <DIR> sub\r\n",
                     .names = "a b\r\n.hidden\r\nsub\r\nfifo\r\n.\r\n..\r\n",
                     .exact_replies = {{"SIZE a b", "213 5\r\n"},
                                       {"MDTM a b", "213 20200203040506\r\n"},
                                       {"SIZE .hidden", "213 0\r\n"},
                                       {"SIZE sub", "550 not a plain file\r\n"},
                                       {"SIZE fifo", "550 not a plain file\r\n"},
                                       {"CWD fifo", "550 no\r\n"},
                                       {"SIZE sub/a b", "213 6\r\n"},
                                       {"SIZE sub/.hidden", "213 7\r\n"},
                                       {"SIZE sub/sub", "550 no\r\n"},
                                       {"CWD sub/sub", "550 no\r\n"},
                                       {"SIZE sub/fifo", "213 8\r\n"}}};
    CHECK(lines_of(script) == Lines{"a b 5 1580702706.000000000", ".hidden 0 -", "fifo - -", "sub/a b 6 -",
                                    "sub/.hidden 7 -", "sub/sub - -", "sub/fifo 8 -"});
    script.exact_replies["SIZE a b"] = "451 busy\r\n";
    CHECK(error_of(script).failure() == Failure::temporary);
    script.exact_replies["SIZE a b"] = "421 bye\r\n";
    CHECK(error_of(script).failure() == Failure::temporary);
}

TEST_CASE("a whole tree is listed over one connection") {
    FaultyFtpServer server({.facts = k_self + "type=dir; " + std::string(1000, 'x') + "\r\n"});
    const auto session = make_session(server.config());
    CHECK_THROWS_AS(session->list([](const ListedFile&) {}),
                    NodeError); // four directories, then it is too deep
    const std::vector<std::string> commands = server.stop();
    CHECK(std::count(commands.begin(), commands.end(), "MLSD") == 4);
    CHECK(std::count(commands.begin(), commands.end(), "USER ali") == 1);
}

TEST_CASE("a name that no command can ask for is an error in a list of names") {
    for (const std::string name : {"line\nfeed", "blank ", "a/b"}) {
        const NodeError error = error_of({.listing = "<DIR>\r\n", .names = ".\r\n" + name + "\r\n"});
        CHECK(error.failure() == Failure::permanent);
        CHECK(contains(error.what(), "found the name"));
    }
    CHECK_THROWS_AS(lines_of({.facts = k_self + "type=dir; line\nfeed\r\n"}), NodeError);
}

TEST_CASE("directories that never end are an error") {
    const NodeError error = error_of({.facts = k_self + "type=dir; " + std::string(200, 'x') + "\r\n"});
    CHECK(error.failure() == Failure::permanent);
    CHECK(contains(error.what(), "too deep"));
}

TEST_CASE("no name smuggles a command into the control connection") {
    FaultyFtpServer server({.listing = k_ls_self + "-rw-r--r-- 1 u g 1 Nov 21 13:30 a\nDELE b\r\n"});
    make_session(server.config())->list([](const ListedFile&) {}, Times::exact);
    for (const std::string& command : server.stop())
        CHECK_FALSE(contains(command, "DELE"));
}

TEST_CASE("a list is interrupted while the server is silent") {
    const FaultyFtpServer server({.replies = {{"LISTED", {k_silence}}}, .facts = k_self});
    NodeConfig config = server.config();
    config.stall_timeout = std::chrono::seconds(600); // only the interrupt can end it in time
    int asked = 0;
    const auto session = make_session(config, [&] { return ++asked > 3; });
    CHECK_THROWS_AS(session->list([](const ListedFile&) {}), Interrupted);
}

TEST_CASE("a server without FEAT has no features, one that does not answer is an error") {
    const FaultyFtpServer plain({});
    CHECK(make_session(plain.config())->features().empty());
    const FaultyFtpServer odd(
        {.replies = {
             {"FEAT", {"211-Features:\r\n MDTM\r\n211-odd\r\n  REST\x01STREAM\r\n \r\n211 End\r\n"}}}});
    CHECK(make_session(odd.config())->features() == std::vector<std::string>{"MDTM", "REST\\x01STREAM"});
    const FaultyFtpServer mute({.replies = {{"FEAT", {k_silence}}}});
    CHECK_THROWS_AS(static_cast<void>(make_session(mute.config())->features()), NodeError);
}

} // namespace nodespool::node::test
