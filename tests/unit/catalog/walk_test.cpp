// The walk through the catalogue.
#include "catalog/walk.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>

using namespace nodespool;
using catalog::Catalog;
using test::TempDir;

namespace fs = std::filesystem;

namespace {

void link_files(const TempDir& dir, const std::vector<std::string>& paths) {
    for (const std::string& path : paths)
        test::write_file(dir / (".links/" + path), path + " 1 0 1\n");
}

/// Every path that is visited; one that is visited twice fails the test.
std::set<std::string> walked(const Catalog& catalog, const std::string& directory) {
    std::set<std::string> paths;
    catalog::for_each_link(catalog, directory, [&](const std::string& path) {
        CHECK(paths.insert(path).second);
        return true;
    });
    return paths;
}

} // namespace

TEST_CASE("the walk visits every link at or below a directory, and nothing else") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    link_files(dir, {"a", "d/b", "d/e/f/c", "d/.hidden", "other/x", ".tmp/staged", ".lock/7f"});
    fs::create_directory(dir / ".links/empty");
    fs::create_directory_symlink(dir / ".links/other", dir / ".links/d/planted");
    fs::create_symlink(dir / ".links/a", dir / ".links/d/alias");
    CHECK(walked(catalog, "") == std::set<std::string>{"a", "d/b", "d/e/f/c", "d/.hidden", "other/x"});
    CHECK(walked(catalog, "d") == std::set<std::string>{"d/b", "d/e/f/c", "d/.hidden"});
    CHECK(walked(catalog, "d/e/f/c") == std::set<std::string>{"d/e/f/c"});
    CHECK(walked(catalog, "empty").empty());
    CHECK(walked(catalog, "missing/deep").empty());
    CHECK(walked(catalog, "d/planted").empty());
    CHECK(walked(catalog, "d/alias").empty());
}

TEST_CASE("a missing catalogue is walked as an empty one") {
    const TempDir dir;
    const Catalog catalog = Catalog::open_existing(dir.path());
    CHECK(walked(catalog, "").empty());
    CHECK(walked(catalog, "d").empty());
    catalog::remove_empty_directories(catalog, "d");
}

TEST_CASE("the walk stops where it is told to, at any depth") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    link_files(dir, {"1/1/1", "1/1/2", "2/1/1", "2/1/2", "3/1/1"});
    for (int wanted = 1; wanted <= 5; ++wanted) {
        int visited = 0;
        catalog::for_each_link(catalog, "", [&](const std::string&) { return ++visited < wanted; });
        CHECK(visited == wanted);
    }
}

TEST_CASE("links that are taken away while the walk goes on hide none of the others") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    std::set<std::string> all;
    for (int i = 0; i < 3000; ++i)
        all.insert("flat/file" + std::to_string(i));
    all.insert({"gone/1", "gone/2"});
    link_files(dir, {all.begin(), all.end()});
    std::set<std::string> paths;
    catalog::for_each_link(catalog, "", [&](const std::string& path) {
        CHECK(paths.insert(path).second);
        fs::remove(dir / (".links/" + path));
        if (path.starts_with("gone/"))
            fs::remove_all(dir / ".links/gone");
        return true;
    });
    all.erase("gone/1");
    all.erase("gone/2");
    CHECK(paths.erase("gone/1") + paths.erase("gone/2") >= 1);
    CHECK(paths == all);
}

TEST_CASE("empty directories go, with their empty parents; the others and the catalogue stay") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    link_files(dir, {"keep/x", "a/b/c/d/y"});
    fs::create_directories(dir / ".links/keep/empty/deeper");
    catalog::remove_empty_directories(catalog, "keep");
    CHECK(fs::exists(dir / ".links/keep/x"));
    CHECK_FALSE(fs::exists(dir / ".links/keep/empty"));
    fs::remove(dir / ".links/a/b/c/d/y");
    catalog::remove_empty_directories(catalog, "a/b/c");
    CHECK_FALSE(fs::exists(dir / ".links/a"));
    catalog::remove_empty_directories(catalog, "keep/x"); // a file is left alone
    CHECK(fs::exists(dir / ".links/keep/x"));
    fs::create_directories(dir / ".links/p/q");
    catalog::remove_empty_directories(catalog, "p/q/vanished"); // somebody else removed it
    CHECK_FALSE(fs::exists(dir / ".links/p"));
    fs::remove(dir / ".links/keep/x");
    catalog::remove_empty_directories(catalog, "");
    CHECK_FALSE(fs::exists(dir / ".links/keep"));
    CHECK(fs::exists(dir / ".links/.tmp"));
    CHECK(fs::exists(dir / ".links/.lock"));
}
