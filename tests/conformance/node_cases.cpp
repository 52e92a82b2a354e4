// What every node must do, whatever its protocol.
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <thread>

namespace nodespool::node::test {

FOR_EVERY_NODE("a file of any size arrives whole and comes back whole") {
    const Node node;
    const auto session = make_session(node.config());
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{64 * 1024 + 1}, std::size_t{8 << 20}}) {
        CAPTURE(size);
        const std::string name = node.name("size-" + std::to_string(size));
        const std::string bytes = pattern(size);
        MemorySource source(bytes);
        session->put(name, source);
        CHECK(node.bytes_of(name) == bytes);
        CHECK(session->size(name) == size);
        MemorySink sink;
        session->get(name, sink);
        CHECK(sink.bytes() == bytes);
    }
}

FOR_EVERY_NODE("directories are made when a file needs them") {
    const Node node;
    const auto session = make_session(node.config());
    const std::string deep = node.name("a/b/c/d/e/f/file");
    MemorySource source("deep");
    session->put(deep, source);
    CHECK(node.bytes_of(deep) == "deep");
    MemorySource neighbour("neighbour");
    session->put(node.name("a/b/other/file"), neighbour);
    CHECK(node.bytes_of(node.name("a/b/other/file")) == "neighbour");
    MemorySource top("top");
    session->put(node.directory() + ".top", top);
    CHECK(node.bytes_of(node.directory() + ".top") == "top");
    CHECK(session->remove(node.directory() + ".top") == Removal::removed);
}

FOR_EVERY_NODE("one session moves many files") {
    const Node node;
    const auto session = make_session(node.config());
    for (int i = 0; i < 200; ++i) {
        const std::string name = node.name(std::to_string(i % 7) + "/file-" + std::to_string(i));
        MemorySource source(pattern(static_cast<std::size_t>(i) * 13));
        session->put(name, source);
    }
    for (int i = 0; i < 200; ++i) {
        const std::string name = node.name(std::to_string(i % 7) + "/file-" + std::to_string(i));
        REQUIRE(node.bytes_of(name) == pattern(static_cast<std::size_t>(i) * 13));
        REQUIRE(session->remove(name) == Removal::removed);
    }
}

FOR_EVERY_NODE("bytes that mean something in a URL or a command are names like others") {
    const Node node;
    const auto session = make_session(node.config());
    for (const std::string leaf : {"a b", "100%", "%41", "x;type=a", "q?u=e", "h#ash", "*star", "~tilde",
                                   "-dash", "\xC3\xBC-umlaut", "quo\"te", "[glob]"}) {
        CAPTURE(leaf);
        const std::string name = node.name(leaf);
        MemorySource source(leaf);
        session->put(name, source);
        CHECK(node.bytes_of(name) == leaf);
        CHECK(session->size(name) == leaf.size());
        MemorySink sink;
        session->get(name, sink);
        CHECK(sink.bytes() == leaf);
        CHECK(session->remove(name) == Removal::removed);
    }
}

FOR_EVERY_NODE("a file that is not there has no size and is absent when removed") {
    const Node node;
    const auto session = make_session(node.config());
    MemorySource source("here");
    session->put(node.name("dir/here"), source);
    SUBCASE("in a directory that holds others") {
        CHECK(session->size(node.name("dir/absent")) == std::nullopt);
        CHECK(session->remove(node.name("dir/absent")) == Removal::was_absent);
    }
    SUBCASE("in a directory that is missing") {
        CHECK(session->size(node.name("no/such/dir/absent")) == std::nullopt);
        CHECK(session->remove(node.name("no/such/dir/absent")) == Removal::was_absent);
    }
    SUBCASE("in a directory that became empty, under a name with a dot") {
        CHECK(session->remove(node.name("dir/here")) == Removal::removed);
        CHECK(session->remove(node.name("dir/here")) == Removal::was_absent);
        CHECK(session->size(node.name("dir/.absent")) == std::nullopt);
    }
    SUBCASE("and getting it is permanent") {
        MemorySink sink;
        CHECK(node_error_of([&] { session->get(node.name("dir/absent"), sink); }).failure() ==
              Failure::permanent);
        CHECK(sink.bytes().empty());
    }
    MemorySource again("the session still works");
    session->put(node.name("dir/after"), again);
    CHECK(session->size(node.name("dir/after")) == 23);
}

FOR_EVERY_NODE("a directory is neither removed nor taken for a file") {
    const Node node;
    const auto session = make_session(node.config());
    MemorySource source("here");
    session->put(node.name("dir/sub/here"), source);
    CHECK(node_error_of([&] { session->remove(node.name("dir/sub")); }).failure() == Failure::permanent);
    CHECK(node_error_of([&] { static_cast<void>(session->size(node.name("dir/sub"))); }).failure() ==
          Failure::permanent);
    CHECK(node.bytes_of(node.name("dir/sub/here")) == "here");
}

FOR_EVERY_NODE("what a source throws comes out unchanged, and the session still works") {
    const Node node;
    const auto session = make_session(node.config());
    for (const std::uint64_t good : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3 << 20}}) {
        CAPTURE(good);
        ThrowingSource broken(8 << 20, good);
        int caught = 0;
        try {
            session->put(node.name("broken-" + std::to_string(good)), broken);
        } catch (const Thrown& thrown) {
            caught = thrown.number;
        }
        CHECK(caught == 42);
        MemorySource source("after it");
        session->put(node.name("after-" + std::to_string(good)), source);
        CHECK(node.bytes_of(node.name("after-" + std::to_string(good))) == "after it");
    }
}

FOR_EVERY_NODE("what a sink throws comes out unchanged, and the session still works") {
    const Node node;
    const auto session = make_session(node.config());
    MemorySource source(pattern(4 << 20));
    session->put(node.name("file"), source);
    ThrowingSink broken;
    int caught = 0;
    try {
        session->get(node.name("file"), broken);
    } catch (const Thrown& thrown) {
        caught = thrown.number;
    }
    CHECK(caught == 7);
    MemorySink sink;
    session->get(node.name("file"), sink);
    CHECK(sink.bytes() == pattern(4 << 20));
}

FOR_EVERY_NODE("a source that is shorter or longer than it promised is the cluster server's error") {
    const Node node;
    const auto session = make_session(node.config());
    for (const int difference : {-1, 1}) {
        CAPTURE(difference);
        MemorySource liar(pattern(100000), static_cast<std::uint64_t>(100000 - difference));
        bool is_local_error = false;
        try {
            session->put(node.name("lie" + std::to_string(difference)), liar);
        } catch (const NodeError&) {
            is_local_error = false;
        } catch (const base::Error& error) {
            is_local_error = error.error_class() == base::ErrorClass::io;
        }
        CHECK(is_local_error);
    }
    MemorySource source("after it");
    session->put(node.name("after"), source);
    CHECK(node.bytes_of(node.name("after")) == "after it");
}

FOR_EVERY_NODE("names that could leave the root or forge a command are refused") {
    const Node node;
    const auto session = make_session(node.config());
    for (const std::string& name :
         {std::string(), std::string("/etc/x"), std::string(".."), std::string("a/../b"), std::string("a//b"),
          std::string("a/"), std::string("./a"), std::string("a\r\nDELE b"), std::string("a\0b", 3),
          std::string("a\x7F")}) {
        CAPTURE(name);
        MemorySource source("x");
        MemorySink sink;
        CHECK(node_error_of([&] { session->put(name, source); }).failure() == Failure::permanent);
        CHECK(node_error_of([&] { session->get(name, sink); }).failure() == Failure::permanent);
        CHECK(node_error_of([&] { session->remove(name); }).failure() == Failure::permanent);
        CHECK(node_error_of([&] { static_cast<void>(session->size(name)); }).failure() == Failure::permanent);
    }
}

FOR_EVERY_NODE("a node whose root is missing is down, and no root is made up") {
    const Node node;
    NodeConfig config = node.config();
    config.url += (config.url.ends_with('/') ? "" : "/") + node.name("not-mounted");
    const auto session = make_session(config);
    MemorySource source("x");
    CHECK(node_error_of([&] { session->put("61/47/file", source); }).failure() == Failure::node_down);
    CHECK(node_error_of([&] { session->remove("61/47/file"); }).failure() == Failure::node_down);
    CHECK(node_error_of([&] { static_cast<void>(session->size("61/47/file")); }).failure() ==
          Failure::node_down);
    CHECK_FALSE(std::filesystem::exists(node.local(node.name("not-mounted"))));
}

FOR_EVERY_NODE("a root below the top of the server holds everything") {
    const Node node;
    NodeConfig config = node.config();
    std::filesystem::create_directory(node.local(node.directory()));
    std::filesystem::permissions(node.local(node.name("")), std::filesystem::perms::all);
    config.url += (config.url.ends_with('/') ? "" : "/") + node.name("");
    const auto session = make_session(config);
    MemorySource source("below");
    session->put("61/47/file", source);
    CHECK(node.bytes_of(node.name("61/47/file")) == "below");
    CHECK(session->size("61/47/file") == 5);
    CHECK(session->remove("61/48/file") == Removal::was_absent);
    CHECK(session->remove("61/47/file") == Removal::removed);
}

FOR_EVERY_NODE("two sessions work at once in two threads") {
    const Node node;
    const auto work = [&node](const std::string& who) {
        const auto session = make_session(node.config());
        for (int i = 0; i < 50; ++i) {
            MemorySource source(who + std::to_string(i));
            session->put(node.name(std::to_string(i) + "/" + who), source);
        }
    };
    std::thread one(work, "one");
    std::thread two(work, "two");
    one.join();
    two.join();
    for (int i = 0; i < 50; ++i)
        for (const std::string who : {"one", "two"})
            REQUIRE(node.bytes_of(node.name(std::to_string(i) + "/" + who)) == who + std::to_string(i));
}

} // namespace nodespool::node::test
