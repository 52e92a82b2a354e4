// What an SFTP session makes of servers that refuse, stall, lie or go away.
#include "faulty_sftp_server.hpp"
#include "node_under_test.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

namespace nodespool::node::test {

namespace {

namespace fs = std::filesystem;
using Kind = SftpReaction::Kind;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

NodeError put_error(Session& session, const std::string& name = "file", const std::string& bytes = "four") {
    return node_error_of([&] {
        MemorySource source(bytes);
        session.put(name, source);
    });
}

NodeError put_error(const NodeConfig& config) {
    return put_error(*make_session(config));
}

Failure put_failure(const SftpScript& script) {
    const FaultySftpServer server(script);
    return put_error(server.config()).failure();
}

void put_file(Session& session, const std::string& name) {
    MemorySource source("four");
    session.put(name, source);
}

/// Runs a function of tests/servers/servers.bash on the directory of the server of @p node.
void on_server(const SftpNode& node, const std::string& function) {
    const std::string servers = (fs::path(__FILE__).parent_path() / "../servers/servers.bash").string();
    const std::string directory = fs::canonical(node.local("")).parent_path().string();
    const std::string command =
        "bash -c 'source \"$0\" && " + function + " \"$1\"' '" + servers + "' '" + directory + "'";
    if (std::system(command.c_str()) != 0)
        throw std::runtime_error("failed: " + command);
}

/// Reads as it should and calls a function once, in the middle.
class TellingSource : public MemorySource {
  public:
    TellingSource(std::string bytes, std::function<void()> tell)
        : MemorySource(std::move(bytes)),
          m_tell(std::move(tell)) {}
    std::size_t read(std::span<char> into) override {
        if (++m_reads == 4)
            m_tell();
        return MemorySource::read(into);
    }

  private:
    std::function<void()> m_tell;
    int m_reads = 0;
};

/// A directory for files of a test.
class Scratch {
  public:
    Scratch() {
        if (::mkdtemp(m_path.data()) == nullptr)
            throw std::runtime_error("cannot make a temporary directory");
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(m_path, ignored);
    }
    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
        std::ofstream(fs::path(m_path) / name) << content;
        return m_path + "/" + name;
    }
    /// A new key; its public half has `.pub` at its end.
    [[nodiscard]] std::string key() const {
        const std::string path = m_path + "/key";
        if (std::system(("ssh-keygen -q -t ed25519 -N '' -C '' -f " + path).c_str()) != 0)
            throw std::runtime_error("cannot make a key");
        return path;
    }

  private:
    std::string m_path = (fs::temp_directory_path() / "nodespool-sftp.XXXXXX").string();
};

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Is @p process, a name in /proc, one that this process started?
bool is_child(const fs::path& process) {
    if (process.filename().string().find_first_not_of("0123456789") != std::string::npos)
        return false;
    const std::string status = content_of(process / "status");
    return contains(status, "\nPPid:\t" + std::to_string(::getpid()) + "\n");
}

} // namespace

// --- logging in ---

TEST_CASE("a key that the server does not know means that the node is down") {
    const SftpNode node;
    const Scratch scratch;
    NodeConfig config = node.config();
    config.identity_file = scratch.key();
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "server: cannot put file: cannot log in: "));
    CHECK(contains(error.what(), "Permission denied (publickey"));
}

TEST_CASE("a wrong password means that the node is down, and is not told") {
    const SftpNode node;
    NodeConfig config = node.config();
    config.identity_file = "/dev/null";
    config.password = "wrong' \"$(id)\\ password";
    config.connect_timeout = std::chrono::seconds(30);
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "Permission denied"));
    CHECK_FALSE(contains(error.what(), "wrong"));
}

TEST_CASE("a host key that is not known is refused") {
    const SftpNode node;
    const Scratch scratch;
    NodeConfig config = node.config();
    config.known_hosts_file = scratch.file("known_hosts", "");
    SUBCASE("with a key") {}
    SUBCASE("with a password, which is no answer to a question about it") {
        config.password = node.password();
    }
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "Host key verification failed."));
    CHECK(content_of(config.known_hosts_file).empty());
}

TEST_CASE("a host key that is another than the known one is refused") {
    const SftpNode node;
    const Scratch scratch;
    const std::string known = content_of(node.config().known_hosts_file);
    const std::string host = known.substr(0, known.find(' '));
    NodeConfig config = node.config();
    config.known_hosts_file = scratch.file("known_hosts", host + " " + content_of(scratch.key() + ".pub"));
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "Host key verification failed."));
    CHECK_FALSE(contains(error.what(), "@@@"));
}

TEST_CASE("the password stands in no argument and no variable of ssh") {
    const SftpNode node;
    NodeConfig config = node.config();
    config.identity_file = "/dev/null";
    config.password = node.password();
    const auto session = make_session(config);
    put_file(*session, node.name("file"));
    int children = 0;
    for (const auto& process : fs::directory_iterator("/proc")) {
        if (!is_child(process.path()))
            continue;
        ++children;
        CHECK(contains(content_of(process.path() / "cmdline"), "StrictHostKeyChecking=yes"));
        CHECK_FALSE(contains(content_of(process.path() / "cmdline"), node.password()));
        std::istringstream variables(content_of(process.path() / "environ"));
        for (std::string variable; std::getline(variables, variable, '\0');)
            if (!variable.starts_with("NODESPOOL_TEST_")) // the suite's own
                CHECK_FALSE(contains(variable, node.password()));
    }
    CHECK(children == 1);
}

TEST_CASE("a port where nobody listens means that the node is down") {
    const SftpNode node;
    NodeConfig config = node.config();
    config.url = "sftp://127.0.0.1:1/";
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "Connection refused"));
}

TEST_CASE("a server that does not get as far as its version in time is down") {
    SftpScript script;
    SUBCASE("silent") {
        script.reactions[SftpType::init] = {{Kind::silence}};
    }
    SUBCASE("in the middle of it") {
        script.reactions[SftpType::init] = {{Kind::raw, {}, std::string("\0\0\0\5\2\0\0", 7)}};
    }
    const FaultySftpServer server(script);
    NodeConfig config = server.config();
    config.connect_timeout = std::chrono::seconds(1);
    const NodeError error = put_error(config);
    CHECK(error.failure() == Failure::node_down);
    CHECK(contains(error.what(), "cannot log in: it took more than 1 s"));
}

TEST_CASE("what is no SFTP server, or too old a one, is down") {
    const auto error_of_version = [](const std::string& bytes) {
        SftpScript script;
        script.reactions[SftpType::init] = {{Kind::raw, {}, bytes}};
        const FaultySftpServer server(script);
        const NodeError error = put_error(server.config());
        CHECK(error.failure() == Failure::node_down);
        return std::string(error.what());
    };
    CHECK(contains(error_of_version("Welcome to this machine!\n"), "cannot be understood"));
    CHECK(contains(error_of_version(std::string("\0\0\0\5\2\0\0\0\2", 9)), "found SFTP version 2"));
    CHECK(contains(error_of_version(std::string("\0\0\0\5\x65\0\0\0\3", 9)), "start-up file"));
    CHECK(contains(error_of_version(std::string("\0\0\0\7\2\0\0\0\3\0\0", 11)), "cannot be understood"));
    CHECK(contains(error_of_version(std::string("\0\0\0\0", 4)), "a packet of 0 bytes"));
}

// --- a connection that ends or hangs ---

TEST_CASE("a server's session that is killed in the middle of a file is temporary, and the next one is new") {
    const SftpNode node;
    const auto session = make_session(node.config());
    TellingSource source(pattern(8 << 20), [&] { on_server(node, "kill_sessions"); });
    const NodeError error = node_error_of([&] { session->put(node.name("file"), source); });
    CHECK(error.failure() == Failure::temporary);
    CHECK(contains(error.what(), "the connection was lost"));
    put_file(*session, node.name("after"));
    on_server(node, "kill_sessions"); // while nobody uses it
    // The end of a connection may take a moment to get here, and costs at most the file that meets it.
    try {
        put_file(*session, node.name("soon"));
    } catch (const NodeError& lost) {
        CHECK(lost.failure() == Failure::temporary);
    }
    put_file(*session, node.name("again"));
    CHECK(node.bytes_of(node.name("again")) == "four");
}

TEST_CASE("a server that hangs in the middle of a file is a stall, and can be used once it is back") {
    const SftpNode node;
    NodeConfig config = node.config();
    config.stall_timeout = std::chrono::seconds(1);
    config.connect_timeout = std::chrono::seconds(30);
    const auto session = make_session(config);
    TellingSource source(pattern(32 << 20), [&] { on_server(node, "freeze_server"); });
    const NodeError error = node_error_of([&] { session->put(node.name("file"), source); });
    on_server(node, "thaw_server");
    CHECK(error.failure() == Failure::temporary);
    put_file(*session, node.name("after"));
    CHECK(node.bytes_of(node.name("after")) == "four");
}

TEST_CASE("a server that is silent or hangs up is temporary once it let us in") {
    for (const SftpType type : {SftpType::open, SftpType::write, SftpType::close, SftpType::lstat})
        for (const Kind kind : {Kind::silence, Kind::hang_up}) {
            CAPTURE(static_cast<int>(type));
            CAPTURE(static_cast<int>(kind));
            SftpScript script;
            script.reactions[type] = {{kind}, {}};
            const FaultySftpServer server(script);
            const auto session = make_session(server.config());
            CHECK(put_error(*session).failure() == Failure::temporary);
            CHECK_NOTHROW(put_file(*session, "again"));
        }
}

TEST_CASE("replies that cannot be understood end the connection, not the program") {
    for (const std::string& bytes :
         {std::string("\xFF\xFF\xFF\xFF", 4), std::string("\0\0\0\0", 4), std::string("\0\0\0\1\x65", 5),
          std::string("\0\0\0\5\x65\0\0\0\x7F", 9),             // a reply to nothing
          std::string("\0\0\0\5\x65\0\0\0\1", 9),               // a status without a code
          std::string("\0\0\0\x9\x66\0\0\0\1\0\0\xFF\xFF", 13), // a handle longer than its packet
          std::string("\0\0\0\5\x69\0\0\0\1", 9)}) {            // attributes in the place of a handle
        CAPTURE(bytes);
        SftpScript script;
        script.reactions[SftpType::open] = {{Kind::raw, {}, bytes}, {}};
        const FaultySftpServer server(script);
        const auto session = make_session(server.config());
        const NodeError error = put_error(*session);
        CHECK(error.failure() == Failure::temporary);
        CHECK(contains(error.what(), "the server cannot be understood: found "));
        CHECK_NOTHROW(put_file(*session, "again"));
    }
}

// --- refusals ---

TEST_CASE("statuses decide what a refused upload means") {
    const auto refused = [](SftpType type, SftpStatus status) {
        SftpScript script;
        script.reactions[type] = {{Kind::status, status}};
        return put_failure(script);
    };
    CHECK(refused(SftpType::open, SftpStatus::permission_denied) == Failure::permanent);
    CHECK(refused(SftpType::open, SftpStatus::bad_message) == Failure::permanent);
    CHECK(refused(SftpType::open, SftpStatus::unsupported) == Failure::permanent);
    CHECK(refused(SftpType::open, SftpStatus::failure) == Failure::temporary);
    CHECK(refused(SftpType::open, static_cast<SftpStatus>(77)) == Failure::temporary);
    CHECK(refused(SftpType::write, SftpStatus::failure) == Failure::temporary);
    CHECK(refused(SftpType::write, SftpStatus::permission_denied) == Failure::permanent);
    CHECK(refused(SftpType::close, SftpStatus::failure) == Failure::temporary);
    CHECK(refused(SftpType::lstat, SftpStatus::no_such_file) == Failure::permanent);
}

TEST_CASE("a server that runs out of space is full where it can tell") {
    SftpScript script;
    script.extensions["statvfs@openssh.com"] = "2";
    SftpType type = SftpType::write;
    SUBCASE("writing") {}
    SUBCASE("closing") {
        type = SftpType::close;
    }
    SUBCASE("opening") {
        type = SftpType::open;
    }
    script.reactions[type] = {{Kind::status, SftpStatus::failure}};
    CHECK(put_failure(script) == Failure::temporary);
    script.block_bytes = ~std::uint64_t{0};
    CHECK(put_failure(script) == Failure::temporary);
    script.block_bytes = 4096;
    script.available_blocks = 0;
    CHECK(put_failure(script) == Failure::node_full);
    script.file_system_flags = 1;
    CHECK(put_failure(script) == Failure::node_unwritable);
}

TEST_CASE("a real disk that is full makes the node full") {
    const SftpNode node;
    const fs::path small = node.local(node.directory());
    fs::create_directory(small);
    if (std::system(("mount -t tmpfs -o size=1m,mode=777 tmpfs '" + small.string() + "'").c_str()) != 0) {
        MESSAGE("this user cannot mount a file system: left out");
        return;
    }
    NodeConfig config = node.config();
    config.url += node.directory();
    const auto session = make_session(config);
    const NodeError error = put_error(*session, "large", pattern(2 << 20));
    CHECK(error.failure() == Failure::node_full);
    CHECK(contains(error.what(), "is full"));
    CHECK(session->remove("large") == Removal::removed);
    CHECK_NOTHROW(put_file(*session, "small"));
    session->remove("small");
    CHECK(std::system(("umount -l '" + small.string() + "'").c_str()) == 0);
}

TEST_CASE(
    "a message names node, action, file and the server's words, and nothing that a terminal would obey") {
    SftpScript script;
    script.reactions[SftpType::open] = {{Kind::status, SftpStatus::permission_denied}};
    const FaultySftpServer server(script);
    CHECK(std::string(put_error(server.config()).what()) ==
          "faulty: cannot put file: as \\x1B[2J told (SFTP status 3)");
}

TEST_CASE("a password that the server sends back is not told") {
    SftpScript script;
    script.reactions[SftpType::open] = {{Kind::status, SftpStatus::permission_denied}};
    const FaultySftpServer server(script);
    NodeConfig config = server.config();
    config.password = "told";
    CHECK(std::string(put_error(config).what()) ==
          "faulty: cannot put file: as \\x1B[2J *** (SFTP status 3)");
}

TEST_CASE("a refused removal is absence only where that is certain") {
    SftpScript script;
    const auto removal = [&] {
        const FaultySftpServer server(script);
        return make_session(server.config())->remove("61/file");
    };
    const auto failure = [&] { return node_error_of([&] { removal(); }).failure(); };
    SUBCASE("no such file") {
        CHECK(removal() == Removal::was_absent);
    }
    SUBCASE("no such file, and no root either") {
        script.directories.clear();
        CHECK(failure() == Failure::node_down);
    }
    SUBCASE("no permission") {
        script.reactions[SftpType::remove] = {{Kind::status, SftpStatus::permission_denied}};
        script.reactions[SftpType::lstat] = {{Kind::status, SftpStatus::permission_denied}};
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("some failure, and the file is there") {
        script.files["61/file"] = "x";
        script.reactions[SftpType::remove] = {{Kind::status, SftpStatus::failure}};
        CHECK(failure() == Failure::temporary);
    }
    SUBCASE("some failure, and the file is not there") {
        script.reactions[SftpType::remove] = {{Kind::status, SftpStatus::failure}};
        CHECK(removal() == Removal::was_absent);
    }
    SUBCASE("the server does not say whether there is a root") {
        script.reactions[SftpType::stat] = {{Kind::status, SftpStatus::failure}};
        CHECK(failure() == Failure::temporary);
    }
}

// --- getting and listing ---

TEST_CASE("a file that turns out shorter than its size broke off") {
    SftpScript script;
    script.files["file"] = pattern(100000);
    script.reactions[SftpType::read] = {{}, {}, {Kind::status, SftpStatus::eof}};
    const FaultySftpServer server(script);
    MemorySink sink;
    const NodeError error = node_error_of([&] { make_session(server.config())->get("file", sink); });
    CHECK(error.failure() == Failure::temporary);
    CHECK(contains(error.what(), "it broke off after 65536 of 100000 bytes"));
}

TEST_CASE("names that no directory can hold are an error, never a path") {
    for (const std::string& name : {std::string("../up"), std::string("a/b"), std::string("/etc"),
                                    std::string(), std::string("nul\0byte", 8)}) {
        SftpScript script;
        script.listed = {".", "good", name};
        const FaultySftpServer server(script);
        std::vector<std::string> listed;
        const NodeError error = node_error_of([&] {
            make_session(server.config())->list([&](const ListedFile& file) { listed.push_back(file.name); });
        });
        CHECK(error.failure() == Failure::permanent);
        CHECK(listed == std::vector<std::string>{"good"});
    }
}

TEST_CASE("a list is believed only where the server shows something and says what it is") {
    SftpScript script;
    const auto failure = [&] {
        const FaultySftpServer server(script);
        return node_error_of([&] { make_session(server.config())->list([](const ListedFile&) {}); })
            .failure();
    };
    SUBCASE("nothing at all, not even itself") {
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("names without types") {
        script.listed = {".", "file"};
        script.listed_permissions = 0;
        CHECK(failure() == Failure::permanent);
    }
    SUBCASE("an error in the middle") {
        script.listed = {".", "file"};
        script.reactions[SftpType::readdir] = {{}, {Kind::status, SftpStatus::failure}};
        CHECK(failure() == Failure::temporary);
    }
    SUBCASE("the end in the middle") {
        script.listed = {".", "file"};
        script.reactions[SftpType::readdir] = {{}, {Kind::hang_up}};
        CHECK(failure() == Failure::temporary);
    }
}

} // namespace nodespool::node::test
