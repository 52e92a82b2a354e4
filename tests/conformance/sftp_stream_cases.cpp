// Streams of puts and removes over one SFTP connection: many at once, each ending once and by itself.
#include "faulty_sftp_server.hpp"
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace nodespool::node::test {

namespace {

using Kind = SftpReaction::Kind;

/// Requests kept in memory, and how often each of them ended.
class ListFeed : public Feed {
  public:
    void put(const std::string& name, std::unique_ptr<Source> source) {
        m_sources.push_back(std::move(source));
        m_requests.push_back({Request::Kind::put, name, m_sources.back().get()});
    }
    void put(const std::string& name, const std::string& bytes) {
        put(name, std::make_unique<MemorySource>(bytes));
    }
    void remove(const std::string& name) { m_requests.push_back({Request::Kind::remove, name}); }

    Request* next() override { return m_next < m_requests.size() ? &m_requests[m_next++] : nullptr; }
    void ended(Request& request) override {
        ++m_ended[request.name];
        m_order.push_back(request.name);
    }

    [[nodiscard]] bool each_ended_once() const {
        return m_order.size() == m_requests.size() && m_ended.size() == m_requests.size();
    }
    [[nodiscard]] const std::vector<std::string>& order() const { return m_order; }
    [[nodiscard]] const std::deque<Request>& requests() const { return m_requests; }
    [[nodiscard]] const Request& request(const std::string& name) const {
        return *std::find_if(m_requests.begin(), m_requests.end(),
                             [&](const Request& request) { return request.name == name; });
    }
    [[nodiscard]] std::size_t failures() const {
        return static_cast<std::size_t>(
            std::count_if(m_requests.begin(), m_requests.end(),
                          [](const Request& request) { return request.error != nullptr; }));
    }
    [[nodiscard]] Failure failure_of(const std::string& name) const {
        return node_error_of([&] { std::rethrow_exception(request(name).error); }).failure();
    }

  private:
    std::deque<Request> m_requests;
    std::vector<std::unique_ptr<Source>> m_sources;
    std::size_t m_next = 0;
    std::map<std::string, int> m_ended;
    std::vector<std::string> m_order;
};

/// Reads as it should and counts the largest amount that is ahead of what was acknowledged: all of it.
class CountingSource : public MemorySource {
  public:
    CountingSource(std::string bytes, std::function<void()> on_read)
        : MemorySource(std::move(bytes)),
          m_on_read(std::move(on_read)) {}
    std::size_t read(std::span<char> into) override {
        m_on_read();
        return MemorySource::read(into);
    }

  private:
    std::function<void()> m_on_read;
};

std::string numbered(const SftpNode& node, int i) {
    return node.name(std::to_string(i % 9) + "/" + std::to_string(i % 5) + "/file-" + std::to_string(i));
}

std::string content(int i) {
    return pattern(static_cast<std::size_t>(i % 50) * 997);
}

} // namespace

TEST_CASE("500 files in a stream, with errors in the middle of it, each end as they should") {
    const SftpNode node;
    const auto session = make_session(node.config());
    MemorySource before("before");
    session->put(node.name("taken"), before);
    ListFeed feed;
    for (int i = 0; i < 500; ++i) {
        feed.put(numbered(node, i), content(i));
        if (i == 100)
            feed.put(node.name("thrown"), std::make_unique<ThrowingSource>(900000, 400000));
        if (i == 150)
            feed.put(node.name("a/../b"), "x");
        if (i == 200)
            feed.put(node.name("taken"), "another");
        if (i == 250)
            feed.put(node.name("taken/below"), "x");
        if (i == 300)
            feed.remove(node.name("no/such/file"));
        if (i == 350)
            feed.put(node.name("short"), std::make_unique<MemorySource>("four", 5));
    }
    session->run(feed);
    CHECK(feed.each_ended_once());
    CHECK(feed.failures() == 5);
    for (int i = 0; i < 500; ++i)
        REQUIRE(node.bytes_of(numbered(node, i)) == content(i));
    CHECK_THROWS_AS(std::rethrow_exception(feed.request(node.name("thrown")).error), Thrown);
    CHECK(feed.failure_of(node.name("a/../b")) == Failure::permanent);
    CHECK(feed.failure_of(node.name("taken")) == Failure::permanent);
    CHECK(feed.failure_of(node.name("taken/below")) == Failure::permanent);
    CHECK(feed.request(node.name("no/such/file")).removal == Removal::was_absent);
    CHECK_THROWS_AS(std::rethrow_exception(feed.request(node.name("short")).error), base::Error);
    CHECK(node.bytes_of(node.name("taken")) == "before");

    ListFeed removes;
    for (int i = 0; i < 510; ++i)
        removes.remove(numbered(node, i));
    session->run(removes);
    CHECK(removes.each_ended_once());
    CHECK(removes.failures() == 0);
    for (int i = 0; i < 510; ++i) {
        const Request& request = removes.request(numbered(node, i));
        REQUIRE(request.removal == (i < 500 ? Removal::removed : Removal::was_absent));
        REQUIRE_FALSE(std::filesystem::exists(node.local(request.name)));
    }
}

TEST_CASE("a large file does not hold up the small ones behind it") {
    const SftpNode node;
    const auto session = make_session(node.config());
    ListFeed feed;
    feed.put(node.name("large"), pattern(64 << 20));
    for (int i = 0; i < 20; ++i)
        feed.put(node.name("small-" + std::to_string(i)), content(i));
    session->run(feed);
    CHECK(feed.failures() == 0);
    CHECK(feed.order().back() == node.name("large"));
    CHECK(node.bytes_of(node.name("large")) == pattern(64 << 20));
}

TEST_CASE("sources are read no faster than the server takes their bytes") {
    SftpScript script;
    script.reactions[SftpType::write] = {{Kind::silence}};
    const FaultySftpServer server(script);
    const auto session = make_session(server.config());
    std::size_t reads = 0;
    ListFeed feed;
    for (int i = 0; i < 3; ++i)
        feed.put("large-" + std::to_string(i),
                 std::make_unique<CountingSource>(std::string(20 << 20, 'x'), [&] { ++reads; }));
    session->run(feed);
    CHECK(feed.failures() == 3);
    CHECK(feed.failure_of("large-0") == Failure::temporary);
    CHECK(reads * 32768 <= 5 << 20); // blocks of 32 KiB where the server names no limit
}

TEST_CASE("a new directory is made once, however many files wait for it") {
    FaultySftpServer server({});
    const auto session = make_session(server.config());
    ListFeed feed;
    for (int i = 0; i < 50; ++i)
        feed.put("61/47/file-" + std::to_string(i), "x");
    session->run(feed);
    ListFeed more;
    for (int i = 0; i < 50; ++i)
        more.put("61/47/more-" + std::to_string(i), "x");
    session->run(more);
    CHECK(feed.failures() + more.failures() == 0);
    const FaultySftpServer::Seen seen = server.stop();
    CHECK(seen.files.size() == 100);
    CHECK(seen.directories == std::set<std::string>{".", "61", "61/47"});
    CHECK(seen.count(SftpType::mkdir) <= 3); // one of them before its parent was there
    CHECK(seen.connections == 1);
}

TEST_CASE("a small file on a warm connection costs four requests") {
    FaultySftpServer server({});
    const auto session = make_session(server.config());
    MemorySource first("first");
    session->put("dir/first", first);
    const auto work = [&](const std::string& name) {
        MemorySource source("next");
        session->put(name, source);
    };
    work("dir/one");
    work("dir/two");
    const std::vector<SftpType> requests = server.stop().requests;
    const std::vector<SftpType> of_one = {SftpType::open, SftpType::write, SftpType::close, SftpType::lstat};
    REQUIRE(requests.size() > 8);
    CHECK(std::equal(of_one.begin(), of_one.end(), requests.end() - 4));
    CHECK(std::equal(of_one.begin(), of_one.end(), requests.end() - 8));
}

TEST_CASE("replies are matched to requests in whatever order they come") {
    SftpScript script;
    script.reverses = true;
    FaultySftpServer server(script);
    const auto session = make_session(server.config());
    ListFeed feed;
    for (int i = 0; i < 100; ++i)
        feed.put("dir/file-" + std::to_string(i), content(i));
    session->run(feed);
    CHECK(feed.each_ended_once());
    CHECK(feed.failures() == 0);
    MemorySource large(pattern(3 << 20));
    session->put("large", large);
    MemorySink sink;
    session->get("large", sink);
    CHECK(sink.bytes() == pattern(3 << 20));
    const FaultySftpServer::Seen seen = server.stop();
    for (int i = 0; i < 100; ++i)
        REQUIRE(seen.files.at("dir/file-" + std::to_string(i)) == content(i));
}

TEST_CASE("reads that come short are asked for again") {
    SftpScript script;
    script.most_read = 1000;
    script.files["file"] = pattern(300001);
    const FaultySftpServer server(script);
    MemorySink sink;
    make_session(server.config())->get("file", sink);
    CHECK(sink.bytes() == pattern(300001));
}

TEST_CASE("a size that was looked at too early is looked at again, and then believed") {
    SftpScript script;
    script.wrong_sizes = 1;
    SUBCASE("right the second time") {
        const FaultySftpServer server(script);
        MemorySource source("four");
        CHECK_NOTHROW(make_session(server.config())->put("file", source));
    }
    SUBCASE("wrong twice") {
        script.wrong_sizes = 2;
        const FaultySftpServer server(script);
        MemorySource source("four");
        const NodeError error = node_error_of([&] { make_session(server.config())->put("file", source); });
        CHECK(error.failure() == Failure::temporary);
        CHECK(std::string(error.what()).find("holds 0 bytes of it, 4 were sent") != std::string::npos);
    }
}

TEST_CASE("a connection that breaks fails what is under way, and the rest goes over a new one") {
    SftpScript script;
    script.reactions[SftpType::close] = {{}, {}, {Kind::hang_up}, {}};
    FaultySftpServer server(script);
    const auto session = make_session(server.config());
    ListFeed feed;
    for (int i = 0; i < 300; ++i)
        feed.put("file-" + std::to_string(i), content(i));
    session->run(feed);
    CHECK(feed.each_ended_once());
    CHECK(feed.failures() > 0);
    CHECK(feed.failures() <= 64);
    for (const Request& request : feed.requests())
        if (request.error)
            CHECK(feed.failure_of(request.name) == Failure::temporary);
    const FaultySftpServer::Seen seen = server.stop();
    CHECK(seen.connections == 2);
    for (int i = 0; i < 300; ++i)
        if (!feed.request("file-" + std::to_string(i)).error)
            REQUIRE(seen.files.at("file-" + std::to_string(i)) == content(i));
}

TEST_CASE("an interrupt ends all that is under way") {
    SftpScript script;
    script.reactions[SftpType::write] = {{Kind::silence}};
    const FaultySftpServer server(script);
    NodeConfig config = server.config();
    config.stall_timeout = std::chrono::seconds(600); // only the interrupt can end it in time
    bool has_begun = false;
    const auto session = make_session(config, [&] { return has_begun; });
    ListFeed feed;
    for (int i = 0; i < 3; ++i)
        feed.put("file-" + std::to_string(i),
                 std::make_unique<CountingSource>("four", [&] { has_begun = true; }));
    session->run(feed);
    CHECK(feed.each_ended_once());
    for (const Request& request : feed.requests())
        CHECK_THROWS_AS(std::rethrow_exception(request.error), Interrupted);
}

} // namespace nodespool::node::test
