// Servers that lack EPSV, whose ports cannot be reached, or that drop commands which came together: nodespool
// finds another way, and no request fails.
#include "ftp_streams.hpp"

namespace nodespool::node::test {

TEST_CASE("a server without EPSV is asked for it once") {
    const Outcome outcome = stream_to({.replies = {{"EPSV", {"500 what?\r\n"}}}});
    CHECK(outcome.failures == Failures{});
    CHECK(outcome.count("EPSV") == 1);
    CHECK(outcome.count("PASV") == k_files);
}

TEST_CASE("a port of EPSV that nobody can connect to is replaced by one of PASV, and no file fails") {
    const std::string no_data = "425 nobody came\r\n";
    FtpScript script{.epsv_port = FtpScript::EpsvPort::closed};
    SUBCASE("refused at once") {}
    SUBCASE("without an answer, until this side gives up") {
        script.epsv_port = FtpScript::EpsvPort::filtered;
        script.replies = {{"STOR", {k_deafness, k_usual}}};
    }
    SUBCASE("without an answer, until the server gives up") {
        script.epsv_port = FtpScript::EpsvPort::filtered;
        script.replies = {{"STOR", {no_data, k_usual}}};
    }
    const bool is_lost = script.replies.contains("STOR") && script.replies["STOR"].front() == k_deafness;
    for (const std::size_t first_bytes : {std::size_t{4}, std::size_t{1} << 20U}) {
        CAPTURE(first_bytes);
        FaultyFtpServer server(script);
        ListedFeed feed;
        feed.put(file(0), pattern(first_bytes));
        for (int i = 1; i < k_files; ++i)
            feed.put(file(i));
        make_session(server.config())->run(feed);
        CHECK(feed.failures() == Failures{});
        const Outcome outcome{{}, server.stop()};
        CHECK(outcome.logins() == (is_lost ? 2 : 1));
        CHECK(outcome.count("STOR " + file(0)) <= 2);
        CHECK(outcome.count("PASV") == k_files);
        // One more may have been asked for ahead.
        CHECK(outcome.count("EPSV") <= 2);
    }
}

TEST_CASE("downloads and lists fall back to PASV as well") {
    const std::string self = "type=cdir; .\r\n";
    for (const std::string& reply : {k_usual, k_deafness, std::string("425 nobody came\r\n")}) {
        CAPTURE(reply);
        FtpScript script{.replies = {{"RETR", {reply, k_usual}}, {"MLSD", {reply, k_usual}}},
                         .facts = self + "type=file;size=4;modify=20261121133000; one\r\n",
                         .file = "four",
                         .epsv_port = FtpScript::EpsvPort::filtered};
        if (reply == k_usual)
            script.epsv_port = FtpScript::EpsvPort::closed;
        FaultyFtpServer downloads(script);
        MemorySink sink;
        make_session(downloads.config())->get("one", sink);
        CHECK(sink.bytes() == "four");
        FaultyFtpServer lists(script);
        std::vector<std::string> names;
        make_session(lists.config())
            ->list([&](const ListedFile& found) { names.push_back(found.name); }, Times::as_listed);
        CHECK(names == std::vector<std::string>{"one"});
        for (FaultyFtpServer* server : {&downloads, &lists}) {
            const Outcome outcome{{}, server->stop()};
            CHECK(outcome.count("EPSV") == 1);
            CHECK(outcome.count("PASV") >= 1);
        }
    }
}

TEST_CASE("where PASV does not help either, the failure is that of the data connection") {
    for (const std::string& pasv : {k_usual, std::string("500 what?\r\n"), std::string("522 IPv6\r\n")}) {
        CAPTURE(pasv);
        const Outcome outcome = stream_to({.replies = {{"PASV", {pasv}}}, .dead_data_port = true});
        CHECK(outcome.failures.size() == k_files);
        for (const auto& [name, failure] : outcome.failures)
            CHECK(failure == Failure::temporary);
        // A node without it is asked once; the other for each file, and for those after a repeated one twice.
        CHECK(outcome.count("PASV") >= (pasv == k_usual ? k_files : 1));
        CHECK(outcome.count("PASV") <= (pasv == k_usual ? k_files + 2 : 1));
    }
}

TEST_CASE("a server that drops commands which came together gets them one by one, and no request fails") {
    for (const FtpScript::Together together : {FtpScript::Together::dropped, FtpScript::Together::hung_up}) {
        CAPTURE(static_cast<int>(together));
        const Outcome outcome = stream_to({.together = together});
        CHECK(outcome.failures == Failures{});
        // The trial of commands ahead, of which a loss proves nothing before the second; SIZE with EPSV.
        CHECK(outcome.logins() == (together == FtpScript::Together::dropped ? 3 : 4));
        for (int i = 0; i < k_files; ++i)
            CHECK(outcome.count("STOR " + file(i)) == 1);

        FaultyFtpServer server({.together = together});
        ListedFeed feed;
        for (int i = 0; i < 100; ++i)
            feed.remove(file(i));
        make_session(server.config())->run(feed);
        CHECK(feed.failures() == Failures{});
        const Outcome removals{{}, server.stop()};
        CHECK(removals.logins() == 2);
        for (int i = 0; i < 100; ++i)
            CHECK(removals.count("DELE " + file(i)) == 1);
    }
}

TEST_CASE(
    "commands go together again after a long while, and where they are dropped again, no request fails") {
    FaultyFtpServer server({.together = FtpScript::Together::dropped});
    ListedFeed feed;
    constexpr int k_more_than_until_the_next_trial = 1200;
    for (int i = 0; i < k_more_than_until_the_next_trial; ++i)
        feed.put(file(i));
    make_session(server.config())->run(feed);
    CHECK(feed.failures() == Failures{});
    CHECK(Outcome{{}, server.stop()}.logins() == 4); // as above, and the next trial
}

TEST_CASE("directories are made one by one where commands are dropped") {
    FaultyFtpServer server({.replies = {{"STOR", {"553 no such directory\r\n", k_usual}}},
                            .together = FtpScript::Together::dropped});
    ListedFeed feed;
    for (int i = 0; i < k_files; ++i)
        feed.put("a/" + std::to_string(i) + "/" + file(i));
    make_session(server.config())->run(feed);
    CHECK(feed.failures() == Failures{});
}

} // namespace nodespool::node::test
