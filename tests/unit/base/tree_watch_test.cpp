// News from a tree: new directories, moved ones, names that are left out.
#include "base/error.hpp"
#include "base/tree_watch.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

namespace {

using namespace nodespool;
namespace fs = std::filesystem;

constexpr std::chrono::milliseconds k_no_wait{0};

void write(const fs::path& path) {
    std::ofstream(path) << "x";
}

/// Everything that is there to be heard of now: the kernel has it in its queue before the call that made it
/// returns.
std::set<std::string> heard(base::TreeWatch& watch) {
    std::set<std::string> files;
    for (;;) {
        base::TreeWatch::News news = watch.wait(k_no_wait);
        if (news.files.empty())
            return files;
        files.insert(news.files.begin(), news.files.end());
    }
}

bool all(const std::string&) {
    return true;
}

} // namespace

TEST_CASE("a tree watch tells of files that were closed after writing or moved into place") {
    const test::TempDir dir;
    const fs::path root = dir.path();
    fs::create_directories(root / "a" / "b");
    write(root / "there-before");
    base::TreeWatch watch(root.string(), all);
    CHECK(heard(watch).empty());
    write(root / "one");
    write(root / "a" / "b" / "two");
    CHECK(heard(watch) == std::set<std::string>{"one", "a/b/two"});
    fs::rename(root / "one", root / "a" / "three");
    CHECK(heard(watch) == std::set<std::string>{"a/three"});
    fs::remove(root / "a" / "three");
    CHECK(heard(watch).empty());
    std::ofstream open_still(root / "four");
    CHECK(heard(watch).empty());
    open_still.close();
    CHECK(heard(watch) == std::set<std::string>{"four"});
}

TEST_CASE("a tree watch goes into directories that come up later, and finds what is in them already") {
    const test::TempDir dir;
    const test::TempDir elsewhere;
    const fs::path root = dir.path();
    base::TreeWatch watch(root.string(), all);
    fs::create_directories(root / "new" / "deep");
    write(root / "new" / "deep" / "one");
    CHECK(heard(watch) == std::set<std::string>{"new/deep/one"});
    write(root / "new" / "deep" / "two");
    CHECK(heard(watch) == std::set<std::string>{"new/deep/two"});
    fs::create_directories(root / "made" / "of");
    write(root / "made" / "of" / "three");
    heard(watch);
    fs::rename(root / "made", root / "moved");
    CHECK(heard(watch) == std::set<std::string>{"moved/of/three"});
    write(root / "moved" / "of" / "four");
    CHECK(heard(watch) == std::set<std::string>{"moved/of/four"});
    fs::create_directories(fs::path(elsewhere.path()) / "in");
    fs::rename(root / "moved", fs::path(elsewhere.path()) / "out");
    heard(watch);
    write(fs::path(elsewhere.path()) / "out" / "of" / "five");
    CHECK(heard(watch).empty());
    fs::remove_all(root / "new");
    CHECK(heard(watch).empty());
}

TEST_CASE("a tree watch tells of names that come up without being written") {
    const test::TempDir dir;
    const fs::path root = dir.path();
    write(root / "old");
    base::TreeWatch watch(root.string(), [](const std::string& path) { return path.front() != '.'; });
    fs::create_hard_link(root / "old", root / "linked");
    fs::create_hard_link(root / "old", root / ".hidden");
    fs::remove(root / "old");
    fs::create_directory(root / "directory");
    const base::TreeWatch::News linked = watch.wait(k_no_wait);
    CHECK(linked.names == std::vector<std::string>{"linked"});
    CHECK(linked.files.empty());
    write(root / "written");
    const base::TreeWatch::News written = watch.wait(k_no_wait);
    CHECK(written.names == std::vector<std::string>{"written"});
    CHECK(written.files == std::vector<std::string>{"written"});
}

TEST_CASE("a tree watch follows no links and leaves out what it is told to") {
    const test::TempDir dir;
    const test::TempDir elsewhere;
    const fs::path root = dir.path();
    fs::create_directories(root / ".hidden");
    base::TreeWatch watch(root.string(), [](const std::string& path) { return path.front() != '.'; });
    fs::create_directory_symlink(elsewhere.path(), root / "link");
    write(fs::path(elsewhere.path()) / "planted");
    write(root / ".hidden" / "one");
    write(root / ".two");
    CHECK(heard(watch).empty());
}

TEST_CASE("a tree watch can be woken, and fails where its root goes away") {
    const test::TempDir dir;
    const fs::path root = fs::path(dir.path()) / "root";
    fs::create_directory(root);
    base::TreeWatch watch(root.string(), all);
    std::thread waker([&] { watch.wake(); });
    CHECK(watch.wait(std::chrono::hours(1)).files.empty());
    waker.join();
    fs::remove(root);
    CHECK_THROWS_AS(watch.wait(k_no_wait), base::SystemError);
    CHECK_THROWS_AS(base::TreeWatch("/does/not/exist", all), base::SystemError);
}
