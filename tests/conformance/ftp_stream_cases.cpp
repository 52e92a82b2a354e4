// Streams of puts and removals over one FTP connection: what breaks ends the requests that it concerns, and
// no other.
#include "ftp_streams.hpp"

namespace nodespool::node::test {

namespace {

/// The place of @p command in what the server heard.
std::ptrdiff_t place(const Outcome& outcome, const std::string& command) {
    return std::find(outcome.commands.begin(), outcome.commands.end(), command) - outcome.commands.begin();
}

} // namespace

TEST_CASE("a stream costs one login and three commands a file, and soon one wait for each of two") {
    const Outcome outcome = stream_to({});
    CHECK(outcome.failures == Failures{});
    CHECK(outcome.logins() == 1);
    CHECK(outcome.count("EPSV") == k_files);
    for (int i = 0; i < k_files; ++i) {
        CHECK(outcome.count("STOR " + file(i)) == 1);
        CHECK(outcome.count("SIZE " + file(i)) == 1);
    }
    CHECK(outcome.commands.size() == 3 * k_files + 4); // USER, PASS, TYPE, QUIT
}

TEST_CASE("a server that takes commands during an upload for an abort loses no file") {
    const Outcome outcome = stream_to({.haste = FtpScript::Haste::abort});
    CHECK(outcome.failures == Failures{});
    CHECK(outcome.logins() == 2); // the trial was one file long
    CHECK(outcome.count("STOR " + file(0)) == 2);
    CHECK(outcome.count("DELE " + file(0)) == 1); // what the first attempt left
    for (int i = 1; i < k_files; ++i)
        CHECK(outcome.count("STOR " + file(i)) == 1);
}

TEST_CASE("a server that answers commands during an upload out of order verifies no file wrongly") {
    const Outcome outcome = stream_to({.haste = FtpScript::Haste::answer});
    CHECK(outcome.failures == Failures{});
    CHECK(outcome.logins() == 2);
    CHECK(outcome.count("STOR " + file(0)) == 2);
    for (int i = 1; i < k_files; ++i)
        CHECK(outcome.count("STOR " + file(i)) == 1);
}

TEST_CASE("a refused upload in a stream fails alone, on the same connection") {
    for (const std::size_t position : {std::size_t{1}, std::size_t{9}, std::size_t{k_files - 1}}) {
        CAPTURE(position);
        const std::string name = file(static_cast<int>(position));
        const auto outcome = [&](const std::string& verb, const std::string& reply) {
            return stream_to({.replies = {{verb, after(position, {reply})}}});
        };
        const Outcome full = outcome("STOR", "552 quota\r\n");
        CHECK(full.failures == Failures{{name, Failure::node_full}});
        CHECK(full.logins() == 1);
        CHECK(outcome("226", "452 disk full\r\n").failures == Failures{{name, Failure::node_full}});
        CHECK(outcome("STOR", "532 no account\r\n").failures == Failures{{name, Failure::permanent}});
        const Outcome no_port = outcome("EPSV", "425 no port\r\n");
        CHECK(no_port.failures == Failures{{name, Failure::temporary}});
        CHECK(no_port.logins() == 1);
    }
}

TEST_CASE("a missing directory is made in the middle of a stream, and the next new one before it is needed") {
    FaultyFtpServer server({.replies = {{"STOR", after(6, {"553 no such directory\r\n"})}}});
    ListedFeed feed;
    for (int i = 0; i < k_files; ++i)
        feed.put(std::to_string(i / 3) + "/" + file(i));
    make_session(server.config())->run(feed);
    CHECK(feed.failures() == Failures{});
    const Outcome outcome{{}, server.stop()};
    CHECK(outcome.logins() == 1);
    CHECK(outcome.count("MKD 1") == 0); // it was there
    CHECK(outcome.count("STOR 2/" + file(6)) == 2);
    for (const int directory : {2, 3, 4, 5, 6})
        CHECK(outcome.count("MKD " + std::to_string(directory)) == 1);
    CHECK(place(outcome, "MKD 3") < place(outcome, "STOR 3/" + file(9)));
}

TEST_CASE("a connection that is lost before an upload began costs no file") {
    for (const std::string& reply : {std::string("421 bye\r\n"), k_hang_up})
        for (const std::string verb : {"EPSV", "STOR", "SIZE"})
            for (const std::size_t position : {std::size_t{2}, std::size_t{12}}) {
                CAPTURE(reply);
                CAPTURE(verb);
                CAPTURE(position);
                const Outcome outcome = stream_to({.replies = {{verb, after(position, {reply})}}});
                CHECK(outcome.failures == Failures{});
                CHECK(outcome.logins() == 2);
            }
}

TEST_CASE("a connection that is cut during an upload costs this file and no other") {
    for (const std::string& reply : {std::string("421 bye\r\n"), k_hang_up}) {
        const Outcome outcome = stream_to({.replies = {{"226", after(12, {reply})}}});
        CHECK(outcome.failures == Failures{{file(12), Failure::temporary}});
        CHECK(outcome.logins() == 2);
        CHECK(outcome.count("STOR " + file(12)) == 1);
        CHECK(outcome.count("STOR " + file(13)) == 1);
    }
}

TEST_CASE("a stall during an upload costs this file and no other") {
    const Outcome outcome = stream_to({.replies = {{"226", after(12, {k_deafness})}}});
    CHECK(outcome.failures == Failures{{file(12), Failure::temporary}});
    CHECK(outcome.logins() == 2);
}

TEST_CASE("a file that arrived short is sent once more without haste, and then it failed") {
    const std::string less = "213 3\r\n";
    const Outcome once = stream_to({.replies = {{"SIZE", after(7, {less})}}});
    CHECK(once.failures == Failures{});
    CHECK(once.count("STOR " + file(7)) == 2);
    CHECK(once.count("STOR " + file(8)) == 1);
    const Outcome twice = stream_to({.replies = {{"SIZE", after(7, {less, less})}}});
    CHECK(twice.failures == Failures{{file(7), Failure::temporary}});
}

TEST_CASE("a server without SIZE is asked for lists, and each file is verified all the same") {
    std::string listing = "drwxr-xr-x    2 1 1  4096 Nov 21 13:30 .\r\n";
    for (int i = 0; i < k_files; ++i)
        listing +=
            "-rw-r--r--    1 1 1  " + std::string(i == 5 ? "3" : "4") + " Nov 21 13:30 " + file(i) + "\r\n";
    const Outcome outcome =
        stream_to({.replies = {{"SIZE", {"502 not implemented\r\n"}}}, .listing = listing});
    CHECK(outcome.failures == Failures{{file(5), Failure::temporary}});
}

TEST_CASE("a source that throws in the middle of a stream fails alone") {
    struct Case {
        std::uint64_t promised;
        std::uint64_t good;
        int logins; ///< a small file is read before its STOR is sent
    };
    for (const auto& [promised, good, logins] :
         {Case{1000, 0, 1}, Case{8 << 20, 0, 2}, Case{8 << 20, 3 << 20, 2}}) {
        CAPTURE(promised);
        CAPTURE(good);
        FaultyFtpServer server({});
        ListedFeed feed;
        for (int i = 0; i < k_files; ++i)
            if (i == 7)
                feed.put(file(i), std::make_unique<ThrowingSource>(promised, good));
            else
                feed.put(file(i));
        make_session(server.config())->run(feed);
        CHECK(feed.failures() == Failures{});
        for (int i = 0; i < k_files; ++i)
            CHECK((feed.request(static_cast<std::size_t>(i)).error != nullptr) == (i == 7));
        CHECK_THROWS_AS(std::rethrow_exception(feed.request(7).error), Thrown);
        const Outcome outcome{{}, server.stop()};
        // A file that was begun must not end as if it were whole: only the end of the connection says that.
        CHECK(outcome.logins() == logins);
        CHECK(outcome.count("SIZE " + file(7)) == 0);
    }
}

TEST_CASE("a bad name in a stream is refused and sends nothing") {
    FaultyFtpServer server({});
    ListedFeed feed;
    feed.put("one");
    feed.put("two\r\nDELE one");
    feed.put("three");
    feed.remove("../four");
    feed.remove("five");
    make_session(server.config())->run(feed);
    CHECK(feed.failures() ==
          Failures{{"two\r\nDELE one", Failure::permanent}, {"../four", Failure::permanent}});
    for (const std::string& command : server.stop())
        CHECK_FALSE((command.starts_with("DELE one") || command.find("four") != std::string::npos));
}

TEST_CASE("removals go out many at a time, and each has its own answer") {
    FtpScript script{.replies = {{"DELE", after(40, {"550 not there\r\n", "450 busy\r\n"})},
                                 {"SIZE", {"550 not there\r\n"}}},
                     .listing = "drwxr-xr-x    2 1 1  4096 Nov 21 13:30 .\r\n"};
    SUBCASE("on one connection") {}
    SUBCASE("and where it is lost, those without an answer go over another") {
        script.replies["DELE"] = after(
            40, {"550 not there\r\n", "450 busy\r\n", k_usual, k_hang_up, k_usual, k_usual, "421 bye\r\n"});
    }
    FaultyFtpServer server(script);
    ListedFeed feed;
    for (int i = 0; i < 100; ++i)
        feed.remove(file(i));
    make_session(server.config())->run(feed);
    CHECK(feed.failures() == Failures{{file(41), Failure::temporary}});
    for (std::size_t i = 0; i < 100; ++i)
        CHECK(feed.request(i).removal == (i == 40 ? Removal::was_absent : Removal::removed));
}

TEST_CASE("a removal that is not answered twice fails, and those behind it go over another connection") {
    FaultyFtpServer server({.replies = {{"DELE", after(10, {k_deafness, k_deafness})}}});
    ListedFeed feed;
    for (int i = 0; i < 30; ++i)
        feed.remove(file(i));
    make_session(server.config())->run(feed);
    CHECK(feed.failures() == Failures{{file(10), Failure::temporary}});
}

TEST_CASE("a node that is down fails a whole stream, each request once") {
    NodeConfig config;
    config.name = "off";
    parse_node_url("ftp://u:p@127.0.0.1:" + std::to_string(unused_port()) + "/", config);
    ListedFeed feed;
    for (int i = 0; i < 5; ++i)
        feed.put(file(i));
    for (int i = 0; i < 5; ++i)
        feed.remove("gone-" + std::to_string(i));
    make_session(config)->run(feed);
    const Failures failures = feed.failures();
    CHECK(failures.size() == 10);
    for (const auto& [name, failure] : failures)
        CHECK(failure == Failure::node_down);
}

TEST_CASE("an interrupted stream ends each request once") {
    const FaultyFtpServer server({.replies = {{"226", after(3, {k_deafness})}}});
    NodeConfig config = server.config();
    config.stall_timeout = std::chrono::seconds(600); // only the interrupt can end it in time
    ListedFeed feed;
    for (int i = 0; i < k_files; ++i)
        feed.put(file(i));
    make_session(config, [&] { return feed.count_of_ends() >= 3; })->run(feed);
    CHECK(feed.failures() == Failures{});
    int interrupted = 0;
    for (int i = 0; i < k_files; ++i)
        interrupted += feed.request(static_cast<std::size_t>(i)).error != nullptr ? 1 : 0;
    CHECK(interrupted == k_files - 3);
    CHECK_THROWS_AS(std::rethrow_exception(feed.request(k_files - 1).error), Interrupted);
}

TEST_CASE_TEMPLATE("a stream of puts and removals on a real server", Node, FileNode, FtpNode,
                   ServerNode<"FTP_TLS">, ServerNode<"FTPS">, PureFtpdNode, ServerNode<"PURE_FTPD_TLS">,
                   ProftpdNode, ServerNode<"PROFTPD_TLS">) {
    const Node node;
    const auto session = make_session(node.config());
    ListedFeed feed;
    const auto name = [&](int i) { return node.name(std::to_string(i % 7) + "/" + file(i)); };
    const auto size = [](int i) { return static_cast<std::size_t>(i % 50 == 49 ? 3000000 : i * 37); };
    for (int i = 0; i < 150; ++i) {
        feed.put(name(i), pattern(size(i)));
        if (i % 10 == 9) {
            feed.remove(name(i - 9));
            feed.remove(name(i) + "-absent");
        }
    }
    session->run(feed);
    CHECK(feed.failures() == Failures{});
    std::size_t at = 0;
    for (int i = 0; i < 150; ++i) {
        ++at;
        if (i % 10 != 0)
            REQUIRE(node.bytes_of(name(i)) == pattern(size(i)));
        else
            CHECK_FALSE(std::filesystem::exists(node.local(name(i))));
        if (i % 10 == 9) {
            CHECK(feed.request(at++).removal == Removal::removed);
            CHECK(feed.request(at++).removal == Removal::was_absent);
        }
    }
}

} // namespace nodespool::node::test
