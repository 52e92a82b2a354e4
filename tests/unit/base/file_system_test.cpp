// The checked calls: paths that must not escape, locks, writers, directories.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"
#include "support/write_lease.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

using namespace nodespool;
using namespace nodespool::base;
using test::Ended;
using test::TempDir;
using test::write_file;

namespace fs = std::filesystem;

namespace {

/// "opened", or why not.
std::string open_outcome(const TempDir& dir, const std::string& path) {
    const Fd root = open_directory(dir / "space");
    const BeneathResult result = open_beneath(root.get(), path, O_RDONLY);
    if (result.fd.is_open())
        return "opened";
    switch (result.why) {
    case NotOpened::missing:
        return "missing";
    case NotOpened::symlink_or_escape:
        return "symlink or escape";
    case NotOpened::not_allowed:
        return "not allowed";
    }
    return "?";
}

} // namespace

TEST_CASE("nothing below a directory leads out of it") {
    const TempDir dir;
    write_file(dir / "secret", "s");
    write_file(dir / "space/sub/file", "f");
    fs::create_symlink(dir / "secret", dir / "space/absolute");
    fs::create_symlink("../secret", dir / "space/relative");
    fs::create_symlink("sub/file", dir / "space/harmless");
    fs::create_directory_symlink(dir.path(), dir / "space/out");
    fs::create_directory_symlink("sub", dir / "space/alias");
    REQUIRE(::mkfifo((dir / "space/fifo").c_str(), 0600) == 0);

    CHECK(open_outcome(dir, "sub/file") == "opened");
    for (const char* path : {"absolute", "relative", "harmless", "out/secret", "alias/file", "../secret",
                             "/etc/passwd", "sub/../../secret", "out"})
        CHECK_MESSAGE(open_outcome(dir, path) == "symlink or escape", path);
    CHECK(open_outcome(dir, "none") == "missing");
    CHECK(open_outcome(dir, "sub/file/x") == "missing");
    CHECK(open_outcome(dir, "fifo") == "opened"); // without blocking; its type tells the caller
    const Fd root = open_directory(dir / "space");
    CHECK(status_of(open_beneath(root.get(), "fifo", O_RDONLY).fd.get(), "fifo").type == FileType::other);
}

TEST_CASE("a write lease is told from other failures, and refuses no mere look") {
    const TempDir dir;
    write_file(dir / "space/file", "f");
    const Fd root = open_directory(dir / "space");
    {
        const test::WriteLease lease(dir / "space/file");
        CHECK_THROWS_AS((void)open_beneath(root.get(), "file", O_RDONLY), LeaseHeld);
        CHECK(find_beneath(root.get(), "file").fd.is_open());
    }
    CHECK(open_outcome(dir, "file") == "opened");
}

TEST_CASE("absent and could-not-look are two answers") {
    const TempDir dir;
    write_file(dir / "file", "");
    CHECK_FALSE(status_at(k_cwd, dir / "none").has_value());
    CHECK_FALSE(status_at(k_cwd, dir / "file/below").has_value());
    CHECK_FALSE(try_open_at(k_cwd, dir / "none", O_RDONLY).has_value());
    CHECK_THROWS_AS((void)status_at(k_cwd, dir / std::string(300, 'x')), SystemError);
    CHECK_THROWS_AS((void)try_open_at(k_cwd, dir / std::string(300, 'x'), O_RDONLY), SystemError);
    CHECK_FALSE(unlink_at(k_cwd, dir / "none"));
    CHECK(unlink_at(k_cwd, dir / "file"));
}

TEST_CASE("a link is looked at, not followed") {
    const TempDir dir;
    write_file(dir / "file", "abc");
    fs::create_symlink("file", dir / "link");
    CHECK(status_at(k_cwd, dir / "link")->type == FileType::symlink);
    CHECK(status_at(k_cwd, dir / "file")->type == FileType::regular);
    CHECK(status_at(k_cwd, dir / "file")->size_bytes == 3);
    CHECK(status_at(k_cwd, dir.path())->type == FileType::directory);
}

TEST_CASE("a name is opened again only where it still means the same file") {
    const TempDir dir;
    write_file(dir / "file", "one");
    const FileStatus status = *status_at(k_cwd, dir / "file");
    const Fd root = open_directory(dir.path());
    CHECK(reopen_same(root.get(), "file", status, O_RDONLY).has_value());
    write_file(dir / "other", "two");
    fs::rename(dir / "other", dir / "file");
    CHECK_FALSE(reopen_same(root.get(), "file", status, O_RDONLY).has_value());
    fs::remove(dir / "file");
    CHECK_FALSE(reopen_same(root.get(), "file", status, O_RDONLY).has_value());
}

TEST_CASE("a version is its file, size and time") {
    const TempDir dir;
    write_file(dir / "file", "one");
    const FileStatus before = *status_at(k_cwd, dir / "file");
    const Fd fd = open_at(k_cwd, dir / "file", O_WRONLY);
    test::set_mtime(dir / "file", {1044844761, 123456789});
    const FileStatus after = *status_at(k_cwd, dir / "file");
    CHECK(after.mtime == Timestamp{1044844761, 123456789});
    CHECK(after.is_same_file(before));
    CHECK_FALSE(after.is_same_version(before));
    write_all_at(fd.get(), "four", 3, "file");
    test::set_mtime(dir / "file", after.mtime);
    CHECK_FALSE(status_at(k_cwd, dir / "file")->is_same_version(after));
}

TEST_CASE("a file is read and written whole and at an offset") {
    const TempDir dir;
    write_file(dir / "file", "0123456789");
    const Fd fd = open_at(k_cwd, dir / "file", O_RDWR);
    write_all_at(fd.get(), "#", 4, "file");
    char two[2] = {};
    CHECK(read_some_at(fd.get(), two, 2, 4, "file") == 2);
    CHECK(std::string(two, 2) == "#5");
    CHECK(read_some_at(fd.get(), two, 2, 10, "file") == 0);
    CHECK(read_whole(fd.get(), 10, "file") == "0123#56789");
    truncate_to(fd.get(), 3, "file");
    CHECK(test::read_file(dir / "file") == "012");
    const Fd again = open_at(k_cwd, dir / "file", O_RDONLY);
    try {
        (void)read_whole(again.get(), 2, "file");
        FAIL("a file above the limit was read");
    } catch (const Error& error) {
        CHECK(error.error_class() == ErrorClass::bad_input);
    }
    CHECK_THROWS_AS(write_all(again.get(), "x", "file"), SystemError);
}

TEST_CASE("a rename without replacing says where the name is taken") {
    const TempDir dir;
    write_file(dir / "a", "a");
    write_file(dir / "b", "b");
    const Fd root = open_directory(dir.path());
    CHECK_FALSE(rename_no_replace(root.get(), "a", root.get(), "b"));
    CHECK(test::read_file(dir / "b") == "b");
    CHECK(rename_no_replace(root.get(), "a", root.get(), "c"));
    CHECK_THROWS_AS(rename_no_replace(root.get(), "a", root.get(), "d"), SystemError);
    rename_at(root.get(), "c", root.get(), "b");
    CHECK(test::read_file(dir / "b") == "a");
}

TEST_CASE("a lock excludes others as long as its descriptor lives") {
    const TempDir dir;
    write_file(dir / "file", "");
    const Fd other = open_at(k_cwd, dir / "file", O_RDONLY);
    {
        const Fd holder = open_at(k_cwd, dir / "file", O_RDONLY);
        CHECK(lock_exclusively(holder.get(), LockWait::no, "file"));
        CHECK(lock_exclusively(holder.get(), LockWait::no, "file"));
        CHECK_FALSE(lock_exclusively(other.get(), LockWait::no, "file"));
    }
    CHECK(lock_exclusively(other.get(), LockWait::yes, "file"));
    CHECK_THROWS_AS(lock_exclusively(-1, LockWait::no, "file"), SystemError);
}

TEST_CASE("a writer is seen while it has the file open, and the look holds nobody up") {
    const TempDir dir;
    write_file(dir / "file", "x");
    const Fd reader = open_at(k_cwd, dir / "file", O_RDONLY);
    const Writers before = writers_of(reader.get());
    if (before == Writers::cannot_tell) {
        MESSAGE("this file system or user has no leases: not checked");
        return;
    }
    CHECK(before == Writers::none);
    {
        const Fd writer = open_at(k_cwd, dir / "file", O_WRONLY);
        CHECK(writers_of(reader.get()) == Writers::some);
    }
    CHECK(writers_of(reader.get()) == Writers::none);
    const Fd at_once = open_at(k_cwd, dir / "file", O_WRONLY | O_NONBLOCK);
    CHECK(at_once.is_open());
    CHECK(writers_of(at_once.get()) != Writers::none);
}

TEST_CASE("directories are made with all parents, and a file in the way is an error") {
    const TempDir dir;
    const Fd root = open_directory(dir.path());
    make_directories_durably(root.get(), "a/b/c", 0750);
    CHECK(status_at(root.get(), "a/b/c")->type == FileType::directory);
    CHECK(status_at(root.get(), "a/b")->mode == 0750);
    make_directories_durably(root.get(), "a/b/c", 0750);
    make_directories_durably(root.get(), "", 0750);
    make_directories_durably(k_cwd, dir / "x/y", 0750);
    CHECK(fs::is_directory(dir / "x/y"));
    write_file(dir / "a/file", "");
    try {
        make_directories_durably(root.get(), "a/file/d", 0750);
        FAIL("a directory was made below a file");
    } catch (const SystemError& error) {
        CHECK(error.code() == ENOTDIR);
    }
    CHECK_FALSE(make_directory_at(root.get(), "a", 0750));
    CHECK_FALSE(remove_directory_at(root.get(), "a"));
    CHECK(remove_directory_at(root.get(), "a/b/c"));
    CHECK_FALSE(remove_directory_at(root.get(), "a/b/c"));
}

TEST_CASE(
    "making directories that dies at any call is finished by the next run, parents synced before children") {
    int deaths = 0;
    for (int call = 1;; ++call, ++deaths) {
        const TempDir dir;
        const auto make = [&] {
            const Fd root = open_directory(dir.path());
            make_directories_durably(root.get(), "a/b", 0750);
        };
        if (test::run_dying_at(call, make) == Ended::normally)
            break;
        // Calls: make a, sync its parent, make b, sync a.
        CHECK(fs::exists(dir / "a") == (call > 1));
        CHECK(fs::exists(dir / "a/b") == (call > 3));
        make();
        CHECK(fs::is_directory(dir / "a/b"));
    }
    CHECK(deaths == 4);
}

TEST_CASE("the entries of a directory are visited once each, until the visitor has enough") {
    const TempDir dir;
    for (const char* name : {"a", ".hidden", "c"})
        write_file(dir / name, "");
    const Fd root = open_directory(dir.path());
    std::multiset<std::string> seen;
    for (int round = 0; round < 2; ++round)
        for_each_entry(root.get(), dir.path(), [&](const std::string& name) {
            seen.insert(name);
            return true;
        });
    CHECK(seen == std::multiset<std::string>{"a", "a", ".hidden", ".hidden", "c", "c"});
    int visits = 0;
    for_each_entry(root.get(), dir.path(), [&](const std::string&) { return ++visits < 2; });
    CHECK(visits == 2);
}

TEST_CASE("a directory is in place as long as its path leads to it") {
    const TempDir dir;
    fs::create_directory(dir / "real");
    fs::create_directory_symlink(dir / "real", dir / "link");
    const Fd fd = open_directory(dir / "link");
    const HeldDirectory held{fd.get(), dir / "link"};
    CHECK_NOTHROW(ensure_in_place(held));
    fs::rename(dir / "real", dir / "old");
    CHECK_THROWS_AS(ensure_in_place(held), Error);
    fs::create_directory(dir / "real");
    try {
        ensure_in_place(held);
        FAIL("it was replaced");
    } catch (const Error& error) {
        CHECK(error.error_class() == ErrorClass::io);
        CHECK(std::string(error.what()) == dir / "link was replaced while this program ran: start it again");
    }
    fs::remove(dir / "real");
    fs::rename(dir / "old", dir / "real");
    CHECK_NOTHROW(ensure_in_place(held));
}

TEST_CASE("descriptors are closed on exec and by their owner") {
    const TempDir dir;
    write_file(dir / "file", "");
    int number = -1;
    {
        Fd fd = open_at(k_cwd, dir / "file", O_RDONLY);
        number = fd.get();
        CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
        Fd moved = std::move(fd);
        CHECK(moved.get() == number);
        fd = std::move(moved);
        CHECK(fd.is_open());
    }
    CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("errors of the system have a class and name call and file") {
    const SystemError denied("open /x", EACCES);
    CHECK(denied.error_class() == ErrorClass::permission);
    CHECK(std::string(denied.what()) == "cannot open /x: Permission denied");
    CHECK(SystemError("write /x", ENOSPC).error_class() == ErrorClass::io);
    CHECK_THROWS_AS(ensure(false, "this holds"), Error);
}
