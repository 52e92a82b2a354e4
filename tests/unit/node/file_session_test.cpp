// What is particular to a directory as a node: exclusive names, links, durability, errno classes.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/fs_observer.hpp"
#include "node/file_errors.hpp"
#include "node/session.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace nodespool;
using namespace nodespool::node;

namespace {

/// A new directory as a node, removed at the end.
class Disk {
  public:
    Disk()
        : m_path(fs::temp_directory_path() / ("nodespool-disk-" + std::to_string(base::random_64_bits()))) {
        fs::create_directory(m_path);
    }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
    ~Disk() {
        std::error_code ignored;
        fs::remove_all(m_path, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return m_path; }
    [[nodiscard]] std::unique_ptr<Session> session() const {
        NodeConfig config;
        config.name = "disk";
        parse_node_url("file://" + m_path.string(), config);
        return make_session(config);
    }

  private:
    fs::path m_path;
};

class TextSource : public Source {
  public:
    explicit TextSource(std::string text) : m_text(std::move(text)) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return m_text.size(); }
    std::size_t read(std::span<char> into) override {
        const std::size_t count = m_text.copy(into.data(), into.size(), m_at);
        m_at += count;
        return count;
    }
    void rewind() override { m_at = 0; }

  private:
    std::string m_text;
    std::size_t m_at = 0;
};

/// At its end, when all of it is sent, something happens to the disk.
class EventfulSource : public TextSource {
  public:
    explicit EventfulSource(std::function<void()> event) : TextSource("text"), m_event(std::move(event)) {}
    std::size_t read(std::span<char> into) override {
        const std::size_t count = TextSource::read(into);
        if (count == 0)
            m_event();
        return count;
    }

  private:
    std::function<void()> m_event;
};

class NoSink : public Sink {
  public:
    void write(std::span<const char>) override {}
};

void put(Session& session, const std::string& name) {
    TextSource source("text");
    session.put(name, source);
}

std::optional<Failure> failure_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const NodeError& error) {
        return error.failure();
    }
    return std::nullopt;
}

/// Notes the calls, and fails the one of a kind with an errno.
class Observer : public base::FsObserver {
  public:
    Observer() { base::set_fs_observer(this); }
    ~Observer() override { base::set_fs_observer(nullptr); }
    void fail(base::FsCall call, int code) {
        m_fail = call;
        m_code = code;
    }
    void before(base::FsCall call, std::string_view path) override {
        if (m_fail == call)
            throw base::SystemError("do what was asked", m_code);
        m_calls.emplace_back(call, path);
    }
    [[nodiscard]] std::size_t count(base::FsCall call) const {
        std::size_t found = 0;
        for (const auto& [made, path] : m_calls)
            found += made == call ? 1U : 0U;
        return found;
    }
    void forget() { m_calls.clear(); }

  private:
    std::vector<std::pair<base::FsCall, std::string>> m_calls;
    std::optional<base::FsCall> m_fail;
    int m_code = 0;
};

} // namespace

TEST_CASE("a name on a disk is used once, ever") {
    const Disk disk;
    const auto session = disk.session();
    put(*session, "61/47/file");
    CHECK(failure_of([&] { put(*session, "61/47/file"); }) == Failure::permanent);
    CHECK(session->size("61/47/file") == 4);
}

TEST_CASE("no symbolic link leads out of a disk") {
    const Disk disk;
    const Disk elsewhere;
    fs::create_directory_symlink(elsewhere.path(), disk.path() / "61");
    std::ofstream(elsewhere.path() / "file") << "secret";
    fs::create_symlink(elsewhere.path() / "file", disk.path() / "file");
    fs::create_symlink(elsewhere.path() / "new", disk.path() / "new");
    const auto session = disk.session();
    NoSink sink;
    CHECK(failure_of([&] { put(*session, "61/47/file"); }) == Failure::permanent);
    CHECK(failure_of([&] { put(*session, "61/new"); }) == Failure::permanent);
    CHECK(failure_of([&] { put(*session, "new"); }) == Failure::permanent);
    CHECK(failure_of([&] { session->get("61/file", sink); }) == Failure::permanent);
    CHECK(failure_of([&] { session->get("file", sink); }) == Failure::permanent);
    CHECK(failure_of([&] { session->remove("61/file"); }) == Failure::permanent);
    CHECK(failure_of([&] { static_cast<void>(session->size("61/file")); }) == Failure::permanent);
    CHECK(failure_of([&] { static_cast<void>(session->size("file")); }) == Failure::permanent);
    CHECK(fs::exists(elsewhere.path() / "file"));
    CHECK(std::distance(fs::directory_iterator(elsewhere.path()), {}) == 1);
}

TEST_CASE("a file in the place of a directory is permanent for a put, and absence for the rest") {
    const Disk disk;
    const auto session = disk.session();
    put(*session, "61");
    CHECK(failure_of([&] { put(*session, "61/file"); }) == Failure::permanent);
    CHECK(session->size("61/file") == std::nullopt);
    CHECK(session->remove("61/file") == Removal::was_absent);
}

TEST_CASE("a FIFO neither blocks nor passes for a file") {
    const Disk disk;
    const auto session = disk.session();
    REQUIRE(::system(("mkfifo " + (disk.path() / "pipe").string()).c_str()) == 0);
    NoSink sink;
    CHECK(failure_of([&] { session->get("pipe", sink); }) == Failure::permanent);
    CHECK(failure_of([&] { static_cast<void>(session->size("pipe")); }) == Failure::permanent);
}

TEST_CASE("a disk that is not mounted is down, and up again once it is there") {
    const Disk disk;
    const auto session = disk.session();
    put(*session, "61/47/one");
    fs::remove_all(disk.path());
    CHECK(failure_of([&] { put(*session, "61/47/two"); }) == Failure::node_down);
    CHECK(failure_of([&] { session->remove("61/47/one"); }) == Failure::node_down);
    CHECK_FALSE(fs::exists(disk.path()));
    fs::create_directory(disk.path());
    put(*session, "61/47/two");
    CHECK(session->size("61/47/two") == 4);
}

TEST_CASE("a put does not count where another directory takes the disk's place meanwhile") {
    const Disk disk;
    const Disk aside;
    const fs::path moved = aside.path() / "moved";
    const auto session = disk.session();
    put(*session, "61/47/before");
    EventfulSource source([&] {
        fs::rename(disk.path(), moved);
        fs::create_directory(disk.path());
    });
    CHECK(failure_of([&] { session->put("61/47/file", source); }) == Failure::temporary);
    CHECK_FALSE(fs::exists(moved / "61/47/file")); // nobody else would find it there
    CHECK(fs::exists(moved / "61/47/before"));
    CHECK(fs::is_empty(disk.path()));
    put(*session, "61/47/after");
    CHECK(fs::exists(disk.path() / "61/47/after"));
}

TEST_CASE("a disk that goes away during a put is down") {
    const Disk disk;
    const Disk aside;
    const fs::path moved = aside.path() / "moved";
    const auto session = disk.session();
    EventfulSource source([&] { fs::rename(disk.path(), moved); });
    CHECK(failure_of([&] { session->put("61/47/file", source); }) == Failure::node_down);
    CHECK_FALSE(fs::exists(moved / "61/47/file"));
    fs::rename(moved, disk.path());
    put(*session, "61/47/file");
    CHECK(session->size("61/47/file") == 4);
}

TEST_CASE("where what was written to a disk that went away cannot be removed, the error tells") {
    const Disk disk;
    const Disk aside;
    const auto session = disk.session();
    Observer observer;
    observer.fail(base::FsCall::unlink, EROFS);
    EventfulSource source([&] { fs::rename(disk.path(), aside.path() / "moved"); });
    try {
        session->put("61/47/file", source);
        FAIL("it was taken for done");
    } catch (const NodeError& error) {
        CHECK(error.failure() == Failure::node_down);
        CHECK(std::string(error.what()).find("went away meanwhile") != std::string::npos);
        CHECK(std::string(error.what()).find("stays there") != std::string::npos);
    }
}

TEST_CASE("a disk may be reached through a symbolic link") {
    const Disk disk;
    const Disk aside;
    const fs::path link = aside.path() / "link";
    fs::create_directory_symlink(disk.path(), link);
    NodeConfig config;
    config.name = "disk";
    parse_node_url("file://" + link.string(), config);
    put(*make_session(config), "61/47/file");
    CHECK(fs::exists(disk.path() / "61/47/file"));
}

TEST_CASE("a directory that somebody removed is made again") {
    const Disk disk;
    const auto session = disk.session();
    put(*session, "61/47/one");
    fs::remove_all(disk.path() / "61");
    put(*session, "61/47/two");
    CHECK(session->size("61/47/two") == 4);
}

TEST_CASE("a put is on disk with its directories, and a warm one costs two syncs") {
    const Disk disk;
    const auto session = disk.session();
    Observer observer;
    put(*session, "61/47/one");
    CHECK(observer.count(base::FsCall::make_directory) == 2);
    CHECK(observer.count(base::FsCall::sync) == 4); // the root, 61, the file, 61/47
    observer.forget();
    put(*session, "61/47/two");
    CHECK(observer.count(base::FsCall::make_directory) == 0);
    CHECK(observer.count(base::FsCall::sync) == 2);
    observer.forget();
    put(*disk.session(), "61/47/three"); // another session cannot know that the directories are on disk
    CHECK(observer.count(base::FsCall::make_directory) == 0);
    CHECK(observer.count(base::FsCall::sync) == 4);
    observer.forget();
    session->remove("61/47/one");
    CHECK(observer.count(base::FsCall::sync) == 1);
}

TEST_CASE("a failed call on the disk has its class, whichever call it is") {
    const Disk disk;
    const auto session = disk.session();
    Observer observer;
    for (const base::FsCall call :
         {base::FsCall::create, base::FsCall::write, base::FsCall::sync, base::FsCall::make_directory}) {
        observer.fail(call, ENOSPC);
        CHECK(failure_of([&] { put(*session, "61/47/file"); }) == Failure::node_full);
        observer.fail(call, EROFS);
        CHECK(failure_of([&] { put(*session, "61/48/file"); }) == Failure::node_unwritable);
        fs::remove_all(disk.path() / "61");
    }
    observer.fail(base::FsCall::create, EMFILE); // this machine's fault, not the node's
    CHECK_THROWS_AS(put(*session, "62/47/file"), base::SystemError);
}

TEST_CASE("on a read-only disk what is not there counts as removed, what is there does not") {
    const Disk disk;
    const auto session = disk.session();
    put(*session, "61/47/file");
    Observer observer;
    observer.fail(base::FsCall::unlink, EROFS);
    CHECK(session->remove("61/47/absent") == Removal::was_absent);
    observer.fail(base::FsCall::unlink, EROFS);
    CHECK(failure_of([&] { session->remove("61/47/file"); }) == Failure::node_unwritable);
    CHECK(session->size("61/47/file") == 4);
}

TEST_CASE("an errno has one class") {
    CHECK(failure_of_errno(ENOSPC) == Failure::node_full);
    CHECK(failure_of_errno(EDQUOT) == Failure::node_full);
    CHECK(failure_of_errno(EROFS) == Failure::node_unwritable);
    CHECK(failure_of_errno(ESTALE) == Failure::node_down);
    CHECK(failure_of_errno(ENOTCONN) == Failure::node_down);
    CHECK(failure_of_errno(EACCES) == Failure::permanent);
    CHECK(failure_of_errno(EEXIST) == Failure::permanent);
    CHECK(failure_of_errno(ENAMETOOLONG) == Failure::permanent);
    CHECK(failure_of_errno(EIO) == Failure::temporary);
    CHECK(failure_of_errno(ENOENT) == Failure::temporary);
    CHECK(failure_of_errno(EMFILE) == std::nullopt);
    CHECK(failure_of_errno(ENOMEM) == std::nullopt);
}
