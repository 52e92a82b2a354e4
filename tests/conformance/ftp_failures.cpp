// What an FTP session makes of servers that refuse, stall, lie or go away.
#include "faulty_ftp_server.hpp"
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

namespace nodespool::node::test {

namespace {

NodeError put_error(Session& session, std::size_t size_bytes = 4) {
    return node_error_of([&] {
        MemorySource source(pattern(size_bytes));
        session.put("61/47/file", source);
    });
}

Failure put_failure(FtpScript script, std::size_t size_bytes = 4) {
    const FaultyFtpServer server(std::move(script));
    const auto session = make_session(server.config());
    return put_error(*session, size_bytes).failure();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void put_file(Session& session, const std::string& name) {
    MemorySource source(pattern(4));
    session.put(name, source);
}

} // namespace

TEST_CASE("a wrong password means that the node is down, and is not told") {
    const FtpNode node;
    NodeConfig config = node.config();
    config.password = "wrong-password";
    config.connect_timeout = std::chrono::seconds(30); // servers answer wrong passwords slowly
    config.stall_timeout = std::chrono::seconds(30);
    const NodeError error = put_error(*make_session(config));
    CHECK(error.failure() == Failure::node_down);
    CHECK_FALSE(contains(error.what(), "wrong-password"));
    CHECK(contains(error.what(), "530"));
}

TEST_CASE("a password that the server sends back is not told either") {
    const FaultyFtpServer server({.replies = {{"PASS", {"530 sesame-sesame is not your password\r\n"}}}});
    const NodeError error = put_error(*make_session(server.config()));
    CHECK(error.failure() == Failure::node_down);
    CHECK_FALSE(contains(error.what(), "sesame"));
    CHECK(contains(error.what(), "530 *** is not your password"));
}

TEST_CASE("a port where nobody listens means that the node is down") {
    NodeConfig config;
    config.name = "off";
    parse_node_url("ftp://u:p@127.0.0.1:" + std::to_string(unused_port()) + "/", config);
    CHECK(put_error(*make_session(config)).failure() == Failure::node_down);
}

TEST_CASE("a host that does not exist means that the node is down") {
    NodeConfig config;
    config.name = "off";
    config.connect_timeout = std::chrono::seconds(2);
    parse_node_url("ftp://u:p@no-such-host.invalid/", config);
    CHECK(put_error(*make_session(config)).failure() == Failure::node_down);
}

TEST_CASE("a server that says nothing is a stall, and down where connecting has taken too long") {
    const FaultyFtpServer server({.replies = {{"GREETING", {k_silence}}}});
    NodeConfig config = server.config();
    CHECK(put_error(*make_session(config)).failure() == Failure::temporary);
    config.stall_timeout = std::chrono::seconds(30);
    config.connect_timeout = std::chrono::seconds(1);
    CHECK(put_error(*make_session(config)).failure() == Failure::node_down);
}

TEST_CASE("a session that is interrupted while its server is silent breaks off") {
    const FaultyFtpServer server({.replies = {{"STOR", {k_silence}}}});
    NodeConfig config = server.config();
    config.stall_timeout = std::chrono::seconds(600); // only the interrupt can end it in time
    int asked = 0;
    const auto session = make_session(config, [&] { return ++asked > 3; });
    MemorySource source(pattern(4));
    CHECK_THROWS_AS(session->put("61/47/file", source), Interrupted);
    CHECK(asked > 3);
}

TEST_CASE("a server that stops in the middle of a reply is a stall") {
    CHECK(put_failure({.replies = {{"USER", {"331 plea"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"226", {"226 transfer com"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"SIZE", {k_silence}}}}) == Failure::temporary);
}

TEST_CASE("what is no FTP ends the session at once, and its beginning is told") {
    struct Garbage {
        std::string sent;
        std::string told;
    };
    const Garbage other_protocol{"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "found 'SSH-2.0-OpenSSH_9.2p1 Debian'"};
    const Garbage binary{"\x15\x03\x01\xFF\x1B[2J", "found '\\x15\\x03\\x01\\xFF\\x1B[2J"};
    const Garbage endless{"220 " + std::string(1 << 20, 'a'), "a line without end: '220 aaaa"};
    for (const Garbage& garbage : {other_protocol, binary, endless})
        for (const std::string verb : {"GREETING", "PASS", "EPSV", "STOR", "226", "SIZE"}) {
            CAPTURE(verb);
            CAPTURE(garbage.told);
            const FaultyFtpServer server({.replies = {{verb, {garbage.sent, k_silence}}}});
            NodeConfig config = server.config();
            config.stall_timeout = config.connect_timeout = std::chrono::seconds(600);
            int asked =
                0; // about once a second: whoever waited for more would be interrupted, which is no NodeError
            const NodeError error = put_error(*make_session(config, [&] { return ++asked > 30; }));
            const bool is_in = verb != "GREETING" && verb != "PASS";
            CHECK(error.failure() == (is_in ? Failure::temporary : Failure::node_down));
            CHECK(contains(error.what(), garbage.told));
            CHECK(std::string_view(error.what()).size() < 400);
        }
}

TEST_CASE("a session works again after a stall, on a connection where no reply is owed") {
    for (const std::string verb : {"EPSV", "STOR", "226", "SIZE", "DELE"}) {
        CAPTURE(verb);
        FaultyFtpServer server({.replies = {{verb, {k_silence, k_usual}}}});
        const auto session = make_session(server.config());
        const auto work = [&] {
            put_file(*session, "file");
            session->remove("file");
        };
        CHECK(node_error_of(work).failure() == Failure::temporary);
        CHECK_NOTHROW(work());
        const std::vector<std::string> commands = server.stop();
        CHECK(std::count(commands.begin(), commands.end(), "USER ali") == 2);
    }
}

TEST_CASE("421 is temporary whenever it comes") {
    const std::string busy = "421 too many connections\r\n";
    for (const std::string verb : {"GREETING", "USER", "PASS", "EPSV", "STOR", "226", "SIZE"}) {
        CAPTURE(verb);
        CHECK(put_failure({.replies = {{verb, {busy}}}}) == Failure::temporary);
    }
}

TEST_CASE("a server that hangs up is temporary once it let us in, and down before") {
    CHECK(put_failure({.replies = {{"GREETING", {k_hang_up}}}}) == Failure::node_down);
    CHECK(put_failure({.replies = {{"PASS", {k_hang_up}}}}) == Failure::node_down);
    CHECK(put_failure({.replies = {{"STOR", {k_hang_up}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"SIZE", {k_hang_up}}}}) == Failure::temporary);
}

TEST_CASE("replies to an upload decide what it means") {
    CHECK(put_failure({.replies = {{"STOR", {"450 busy\r\n"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"STOR", {"425 no data connection\r\n"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"STOR", {"452 disk full\r\n"}}}}) == Failure::node_full);
    CHECK(put_failure({.replies = {{"STOR", {"552 quota\r\n"}}}}) == Failure::node_full);
    CHECK(put_failure({.replies = {{"STOR", {"553 not that name\r\n"}}}}) == Failure::permanent);
    CHECK(put_failure({.replies = {{"226", {"426 broken\r\n"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"226", {"451 cannot write\r\n"}}}}) == Failure::temporary);
    CHECK(put_failure({.replies = {{"226", {"452 disk full\r\n"}}}}) == Failure::node_full);
    CHECK(put_failure({.replies = {{"226", {"552 quota\r\n"}}}}) == Failure::node_full);
}

TEST_CASE("a server that runs out of space in the middle of an upload is full, not broken") {
    FtpScript script;
    script.cut_after_bytes = 1 << 20;
    SUBCASE("said in one line") {
        script.replies["CUT"] = {"452 no space left\r\n"};
    }
    SUBCASE("said in two lines") {
        script.replies["CUT"] = {"452-no space\r\n452 left\r\n"};
    }
    const FaultyFtpServer server(script);
    const auto session = make_session(server.config());
    const NodeError error = put_error(*session, 32 << 20);
    CHECK(error.failure() == Failure::node_full);
    CHECK(contains(error.what(), "452 no space left"));
    put_file(*session, "small"); // and the session is fit for use
}

TEST_CASE("a data connection that cannot be made is temporary") {
    FtpScript script;
    script.dead_data_port = true;
    CHECK(put_failure(script) == Failure::temporary);
}

TEST_CASE("a message names node, action, file and the server's words") {
    const FaultyFtpServer server({.replies = {{"STOR", {"553-No.\r\n553 Not \x1B[2J here\r\n"}}}});
    const std::string text = put_error(*make_session(server.config())).what();
    CHECK(contains(text, "faulty: cannot put 61/47/file: 553 No. Not \\x1B[2J here"));
}

TEST_CASE("a missing directory is made once, and then the upload is sent again from its start") {
    for (const std::string missing : {"550 no such directory\r\n", "553 could not create file\r\n"}) {
        CAPTURE(missing);
        FaultyFtpServer server({.replies = {{"STOR", {missing, k_usual}}}});
        const auto session = make_session(server.config());
        put_file(*session, "61/47/one");
        put_file(*session, "61/47/two");
        const std::vector<std::string> commands = server.stop();
        const std::vector<std::string> made = {"STOR 61/47/one", "MKD 61", "MKD 61/47", "EPSV",
                                               "STOR 61/47/one"};
        CHECK(std::search(commands.begin(), commands.end(), made.begin(), made.end()) != commands.end());
        CHECK(std::count(commands.begin(), commands.end(), "MKD 61") == 1);
        CHECK(std::count(commands.begin(), commands.end(), "USER ali") == 1);
    }
}

TEST_CASE("a connection that was closed while idle is made anew without a word") {
    for (const std::string parting_words : {"421 idle for too long\r\n", ""}) {
        CAPTURE(parting_words);
        FtpScript script;
        script.parting_words = parting_words;
        FaultyFtpServer server(script);
        const auto session = make_session(server.config());
        put_file(*session, "one");
        put_file(*session, "two");
        CHECK(session->remove("one") == Removal::removed);
        CHECK(session->size("two") == 4);
        CHECK(session->size("two") == 4);
        const std::vector<std::string> commands = server.stop();
        CHECK(std::count(commands.begin(), commands.end(), "USER ali") == 4);
        CHECK(std::count(commands.begin(), commands.end(), "STOR two") == 1);
        CHECK(std::count(commands.begin(), commands.end(), "DELE one") == 1);
    }
}

TEST_CASE("the end of a session does not wait for a server that hangs") {
    const FaultyFtpServer server({.replies = {{"QUIT", {k_silence}}}});
    auto session = make_session(server.config());
    put_file(*session, "one");
    const auto start = std::chrono::steady_clock::now();
    session.reset();
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10)); // a stall is one second here
}

TEST_CASE("files on one connection cost one login, and three commands each") {
    FaultyFtpServer server({});
    const auto session = make_session(server.config());
    for (const std::string name : {"one", "two", "three"})
        put_file(*session, name);
    const std::vector<std::string> commands = server.stop();
    const std::vector<std::string> last = {"EPSV", "STOR two",   "SIZE two",
                                           "EPSV", "STOR three", "SIZE three"};
    CHECK(std::search(commands.begin(), commands.end(), last.begin(), last.end()) != commands.end());
    CHECK(std::count(commands.begin(), commands.end(), "USER ali") == 1);
}

TEST_CASE("an upload is not believed without its size") {
    const std::string no_size = "502 not implemented\r\n";
    const std::string dots = "drwxr-xr-x    2 1 1  4096 Nov 21 13:30 .\r\n";
    const std::string entry = "-rw-r--r--    1 1001     1001  ";
    SUBCASE("another size is temporary") {
        CHECK(put_failure({.replies = {{"SIZE", {"213 3\r\n"}}}}) == Failure::temporary);
    }
    SUBCASE("a listing does where the server cannot say it") {
        const FaultyFtpServer server(
            {.replies = {{"SIZE", {no_size}}}, .listing = dots + entry + "4 Nov 21 13:30 one\r\n"});
        put_file(*make_session(server.config()), "one");
    }
    SUBCASE("another size in the listing is temporary") {
        CHECK(put_failure({.replies = {{"SIZE", {no_size}}},
                           .listing = dots + entry + "5 Nov 21 13:30 file\r\n"}) == Failure::temporary);
    }
    SUBCASE("a file that is not listed is temporary") {
        CHECK(put_failure({.replies = {{"SIZE", {no_size}}}, .listing = dots}) == Failure::temporary);
    }
    SUBCASE("a listing that nobody can read is permanent") {
        CHECK(put_failure({.replies = {{"SIZE", {no_size}}}, .listing = "file, four bytes\r\n"}) ==
              Failure::permanent);
    }
}

TEST_CASE("a refused removal is absence only where that is certain") {
    const std::string refused = "550 failed\r\n";
    FtpScript script{.replies = {{"DELE", {refused}}, {"SIZE", {refused}}}};
    const std::string dots = "drwxr-xr-x    2 1 1  4096 Nov 21 13:30 .\r\n";
    const auto removal = [&] {
        const FaultyFtpServer server(script);
        return make_session(server.config())->remove("61/file");
    };
    const auto failure = [&] { return node_error_of([&] { removal(); }).failure(); };
    const auto message = [&] { return std::string(node_error_of([&] { removal(); }).what()); };
    SUBCASE("the directory can be read and does not hold it") {
        script.listing = dots;
        CHECK(removal() == Removal::was_absent);
    }
    SUBCASE("an empty answer proves nothing") {
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("a list that was cut off proves nothing") {
        script.listing = dots;
        script.replies["LISTED"] = {"226-Output truncated to 1 matches\r\n226 1 match total\r\n"};
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("the file has a size") {
        script.replies["SIZE"] = {"213 4\r\n"};
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("the file is listed") {
        script.listing = dots + "-rw-r--r--    1 1 1  4 Nov 21 13:30 file\r\n";
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("a line that nobody can read may be the file") {
        script.listing = dots + "file;4;yesterday\r\n";
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("its directory is there and cannot be entered") {
        script.replies["CWD"] = {refused, "250 ok\r\n"};
        script.listing = dots + "drwxr-xr-x    2 1 1  4096 Nov 21 13:30 61\r\n";
        CHECK(failure() == Failure::permanent);
        CHECK(contains(message(), "cannot be entered"));
    }
    SUBCASE("its directory is not there") {
        script.replies["CWD"] = {refused, "250 ok\r\n"};
        script.listing = dots;
        CHECK(removal() == Removal::was_absent);
    }
    SUBCASE("the server is busy") {
        script.replies["DELE"] = {"450 busy\r\n"};
        CHECK(failure() == Failure::temporary);
    }
}

TEST_CASE("a root that begins with %2F is absolute on the server") {
    const FtpNode node;
    std::filesystem::create_directory(node.local(node.directory()));
    std::filesystem::permissions(node.local(node.directory()), std::filesystem::perms::all);
    NodeConfig config = node.config();
    config.url += "%2F" + node.directory();
    const auto session = make_session(config);
    put_file(*session, "61/47/file");
    put_file(*session, "61/47/other");
    CHECK(node.bytes_of(node.name("61/47/file")) == pattern(4));
    CHECK(session->size("61/47/absent") == std::nullopt);
    CHECK(session->size("61/48/absent") == std::nullopt);
    CHECK(session->size("61/47/file") == 4);
    CHECK(session->remove("61/47/absent") == Removal::was_absent);
    CHECK(session->remove("61/47/file") == Removal::removed);
    config.url += "-not-mounted";
    CHECK(put_error(*make_session(config)).failure() == Failure::node_down);
}

TEST_CASE("a real server that hides a directory is not taken for an empty one") {
    const FtpNode node;
    const auto session = make_session(node.config());
    MemorySource source("here");
    session->put(node.name("shut/here"), source);
    namespace fs = std::filesystem;
    const fs::path shut = node.local(node.name("shut"));
    const auto failure_of_remove = [&](const std::string& leaf) {
        return node_error_of([&] { session->remove(node.name("shut/" + leaf)); }).failure();
    };
    fs::permissions(shut, fs::perms::none);
    CHECK(failure_of_remove("here") == Failure::permanent);
    CHECK(failure_of_remove("absent") == Failure::permanent);
    fs::permissions(shut, fs::perms::owner_exec | fs::perms::owner_write);
    CHECK(failure_of_remove("absent") == Failure::permanent);
    fs::permissions(shut, fs::perms::owner_exec | fs::perms::owner_read);
    CHECK(failure_of_remove("here") == Failure::permanent);
    CHECK(session->remove(node.name("shut/absent")) == Removal::was_absent);
    CHECK(session->size(node.name("shut/absent")) == std::nullopt);
    fs::permissions(shut, fs::perms::owner_all);
    CHECK(session->remove(node.name("shut/here")) == Removal::removed);
}

} // namespace nodespool::node::test
