// What every node must do when it is listed: everything that is there, or an error.
#include "node_under_test.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

namespace nodespool::node::test {

namespace {

namespace fs = std::filesystem;

/// The node with its root in the test's own directory, which is made here.
NodeConfig rooted(const NodeUnderTest& node) {
    fs::create_directory(node.local(node.directory()));
    NodeConfig config = node.config();
    config.url += (config.url.ends_with('/') ? "" : "/") + node.directory();
    return config;
}

void make_file(const NodeUnderTest& node, const std::string& name, const std::string& content = "x") {
    const fs::path path = node.local(node.name(name));
    fs::create_directories(path.parent_path());
    fs::permissions(path.parent_path(), fs::perms::all); // for the server's user
    std::ofstream(path, std::ios::binary) << content;
}

using Listed = std::map<std::string, ListedFile>;

Listed list(Session& session, Times times = Times::exact) {
    Listed listed;
    session.list(
        [&](const ListedFile& file) {
            if (!listed.emplace(file.name, file).second)
                throw std::runtime_error("listed twice: " + file.name);
        },
        times);
    return listed;
}

std::set<std::string> names_in(const Listed& listed) {
    std::set<std::string> names;
    for (const auto& [name, file] : listed)
        names.insert(name);
    return names;
}

Failure list_failure(const NodeConfig& config) {
    return node_error_of([&] { list(*make_session(config)); }).failure();
}

/// Where this process itself is the node: as a user who may not read everything, where it is root. A server's
/// user is none that may.
template <typename Node>
class AsNobody {
  public:
    AsNobody() : m_was(::geteuid()) {
        if constexpr (!std::is_same_v<Node, FileNode>)
            return;
        if (m_was == 0 && ::seteuid(65534) != 0)
            throw std::runtime_error("cannot become another user");
    }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;
    ~AsNobody() { static_cast<void>(::seteuid(m_was)); }

  private:
    uid_t m_was;
};

template <typename Node>
constexpr bool k_is_pure_ftpd =
    std::is_same_v<Node, PureFtpdNode> || std::is_same_v<Node, ServerNode<"PURE_FTPD_TLS">>;
template <typename Node>
constexpr bool k_is_proftpd =
    std::is_same_v<Node, ProftpdNode> || std::is_same_v<Node, ServerNode<"PROFTPD_TLS">>;

} // namespace

FOR_EVERY_NODE("a list tells every file with its size and time") {
    const Node node;
    const NodeConfig config = rooted(node);
    make_file(node, "top", "12345");
    make_file(node, "61/47/one", std::string(100000, 'x'));
    make_file(node, "61/48/two", "");
    make_file(node, "61/48/deep/er/three", "3");
    fs::create_directories(node.local(node.name("empty/inside")));
    const struct timespec times[2] = {{1580702706, 0}, {1580702706, 0}};
    REQUIRE(::utimensat(AT_FDCWD, node.local(node.name("top")).c_str(), times, 0) == 0);
    const auto session = make_session(config);
    const Listed listed = list(*session);
    CHECK(names_in(listed) == std::set<std::string>{"top", "61/47/one", "61/48/two", "61/48/deep/er/three"});
    CHECK(listed.at("top").size_bytes == 5);
    CHECK(listed.at("61/47/one").size_bytes == 100000);
    CHECK(listed.at("61/48/two").size_bytes == 0);
    CHECK(listed.at("top").mtime == base::Timestamp{1580702706, 0});
    CHECK(listed.at("61/48/deep/er/three").mtime);
    // And again on the same session, which still moves files.
    MemorySource source("new");
    session->put("61/47/new", source);
    CHECK(list(*session, Times::as_listed).size() == 5);
    CHECK(list(*session).at("61/47/new").size_bytes == 3);
}

FOR_EVERY_NODE("an empty node has an empty list, and is not down") {
    const Node node;
    const NodeConfig config = rooted(node);
    CHECK(list(*make_session(config)).empty());
    fs::create_directories(node.local(node.name("a/b")));
    CHECK(list(*make_session(config)).empty());
}

FOR_EVERY_NODE("a node whose root is missing is down, not empty") {
    const Node node;
    NodeConfig config = node.config();
    config.url += (config.url.ends_with('/') ? "" : "/") + node.directory();
    CHECK(list_failure(config) == Failure::node_down);
}

FOR_EVERY_NODE("odd names are listed as they are") {
    const Node node;
    const NodeConfig config = rooted(node);
    std::set<std::string> expected = {" leading",    "trailing ",
                                      "two  blanks", ".hidden",
                                      "a -> b",      "*star",
                                      "[glob]",      "-dash",
                                      "~tilde",      "#hash",
                                      "100%",        "%41",
                                      "x;type=a",    "type=file;size=1; x",
                                      "q?u=e",       "quo\"te",
                                      "\xC3\xBC",    "not utf-8 \xFF\xFE",
                                      "back\\slash", "...",
                                      "total 0",     "226 done",
                                      "d/ x",        "d/x ",
                                      " d/x",        "-d/x",
                                      "~d/x",        "d /x",
                                      ".d/.x",       "\xFF/\xFF"};
    for (const std::string& name : expected)
        make_file(node, name, name);
    if constexpr (!k_is_pure_ftpd<Node>) // leaves names with control bytes out of its lists
        for (const std::string name : {"new\nline", "return\r", "car\rriage", "tab\t"}) {
            make_file(node, name, name);
            expected.insert(name);
        }
    for (const Times times : {Times::as_listed, Times::exact}) {
        const Listed listed = list(*make_session(config), times);
        CHECK(names_in(listed) == expected);
        for (const auto& [name, file] : listed)
            CHECK(file.size_bytes == name.size());
    }
}

FOR_EVERY_NODE("links and special files are no files, and no link is followed") {
    const Node node;
    const NodeConfig config = rooted(node);
    make_file(node, "dir/file");
    fs::create_symlink("dir/file", node.local(node.name("link")));
    fs::create_symlink("dir", node.local(node.name("dirlink")));
    fs::create_symlink(".", node.local(node.name("dir/loop")));
    fs::create_symlink("/no/such", node.local(node.name("dangling")));
    if constexpr (!k_is_proftpd<Node>) // its MLSD says "type=file" of a fifo
        REQUIRE(::mkfifo(node.local(node.name("fifo")).c_str(), 0666) == 0);
    CHECK(names_in(list(*make_session(config))) == std::set<std::string>{"dir/file"});
}

FOR_EVERY_NODE("a directory that cannot be read is an error, never skipped") {
    const Node node;
    const NodeConfig config = rooted(node);
    make_file(node, "open/file");
    make_file(node, "closed/file");
    const auto session = make_session(config);
    for (const auto mode :
         {fs::perms::none, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec}) {
        CAPTURE(static_cast<int>(mode));
        fs::permissions(node.local(node.name("closed")), mode);
        const AsNobody<Node> nobody;
        const NodeError error = node_error_of([&] { list(*session); });
        CHECK(error.failure() == Failure::permanent);
        CHECK(std::string(error.what()).find("closed") != std::string::npos);
    }
    fs::permissions(node.local(node.name("closed")), fs::perms::owner_all | fs::perms::others_all);
    CHECK(list(*session).size() == 2);
    fs::permissions(node.local(node.directory()), fs::perms::owner_all | fs::perms::others_exec);
    const AsNobody<Node> nobody;
    CHECK_THROWS_AS(list(*session), NodeError);
}

FOR_EVERY_NODE("20,000 files in one directory are listed") {
    const Node node;
    const NodeConfig config = rooted(node);
    fs::create_directory(node.local(node.name("dir")));
    for (int i = 0; i < 20000; ++i)
        std::ofstream(node.local(node.name("dir/file-" + std::to_string(i))));
    const auto session = make_session(config);
    std::set<std::string> names;
    session->list([&](const ListedFile& file) { names.insert(file.name); });
    CHECK(names.size() == 20000);
    CHECK(names.contains("dir/file-19999"));
}

FOR_EVERY_NODE("what a visitor throws comes out unchanged, and the session still works") {
    const Node node;
    const NodeConfig config = rooted(node);
    make_file(node, "a/b");
    make_file(node, "c");
    const auto session = make_session(config);
    CHECK_THROWS_AS(session->list([](const ListedFile&) { throw Thrown{1}; }), Thrown);
    CHECK_THROWS_AS(session->list([](const ListedFile&) { throw base::SystemError("print", ENOSPC); }),
                    base::SystemError);
    CHECK(list(*session).size() == 2);
}

FOR_EVERY_NODE("a list can be interrupted") {
    const Node node;
    const NodeConfig config = rooted(node);
    for (int i = 0; i < 20; ++i)
        make_file(node, std::to_string(i) + "/file");
    int files = 0;
    const auto session = make_session(config, [&] { return files > 5; });
    CHECK_THROWS_AS(session->list([&](const ListedFile&) { ++files; }), Interrupted);
    CHECK(files < 20);
}

FOR_EVERY_NODE("a node tells what it can do") {
    const Node node;
    const std::vector<std::string> features = make_session(rooted(node))->features();
    REQUIRE_FALSE(features.empty());
    for (const std::string& feature : features) {
        CHECK_FALSE(feature.empty());
        CHECK_FALSE(feature.starts_with(' '));
    }
}

TEST_CASE("features are those of the server, or of the file system") {
    const auto has = [](const std::vector<std::string>& features, const std::string& start) {
        return std::any_of(features.begin(), features.end(),
                           [&](const std::string& feature) { return feature.starts_with(start); });
    };
    const std::vector<std::string> vsftpd = make_session(FtpNode().config())->features();
    CHECK(has(vsftpd, "SIZE"));
    CHECK_FALSE(has(vsftpd, "MLST"));
    CHECK_FALSE(has(vsftpd, "End"));
    CHECK_FALSE(has(vsftpd, "Features"));
    CHECK(has(make_session(PureFtpdNode().config())->features(), "MLST type*;size*;"));
    CHECK(has(make_session(FileNode().config())->features(), "file system type "));
    CHECK(has(make_session(ServerNode<"PROFTPD_TLS">().config())->features(), "AUTH TLS"));
}

TEST_CASE("a list that the server cuts off is an error") {
    const ShortFtpdNode node;
    const NodeConfig config = rooted(node);
    for (int i = 0; i < 7; ++i)
        make_file(node, "dir/" + std::to_string(i));
    CHECK(list(*make_session(config)).size() == 7);
    for (int i = 7; i < 30; ++i)
        make_file(node, "dir/" + std::to_string(i));
    const NodeError error = node_error_of([&] { list(*make_session(config)); });
    CHECK(error.failure() == Failure::permanent);
    CHECK(std::string(error.what()).find("runcated to 10 matches") != std::string::npos);
}

} // namespace nodespool::node::test
