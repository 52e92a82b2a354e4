// What is deleted, and how link files get there.
#include "base/error.hpp"
#include "base/fs_observer.hpp"
#include "catalog/catalog.hpp"
#include "catalog/walk.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

using namespace nodespool;
using catalog::Catalog;
using catalog::Deleted;
using catalog::Link;
using catalog::LinkBatch;
using test::TempDir;

namespace fs = std::filesystem;

namespace {

Link link_of(const std::string& path, std::uint64_t size) {
    Link link;
    link.path = path;
    link.size_bytes = size;
    link.servers = {{"n1", "01/02/x", ""}};
    link.gone = {{"n2", "03/04/old", ""}};
    return link;
}

void put(const Catalog& catalog, const Link& link) {
    LinkBatch batch(catalog, {link.path});
    batch.replace(link);
    batch.commit();
}

void move_to_deleted(const Catalog& catalog, const Deleted& deleted, const std::string& path) {
    LinkBatch batch(catalog, {path});
    batch.move_to_deleted(path, deleted);
    batch.commit();
}

std::vector<std::string> names_in(const Deleted& deleted) {
    std::vector<std::string> names;
    deleted.for_each([&](const std::string& name) {
        names.push_back(name);
        return true;
    });
    return names;
}

/// Calls @p action once, before the first call of a kind.
class Before final : public base::FsObserver {
  public:
    Before(base::FsCall call, std::function<void()> action) : m_call(call), m_action(std::move(action)) {
        base::set_fs_observer(this);
    }
    ~Before() override { base::set_fs_observer(nullptr); }
    void before(base::FsCall call, std::string_view) override {
        if (call == m_call && m_action)
            std::exchange(m_action, nullptr)();
    }

  private:
    base::FsCall m_call;
    std::function<void()> m_action;
};

} // namespace

TEST_CASE("a deleted link is moved as it stands, gone lines included") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    const Deleted deleted(dir.path());
    put(catalog, link_of("d/e", 5));
    const std::string text = test::read_file(dir / ".links/d/e");
    {
        LinkBatch batch(catalog, {"d/e"});
        batch.move_to_deleted("d/e", deleted);
        CHECK(catalog.read("d/e"));
        batch.commit();
    }
    CHECK_FALSE(catalog.read("d/e"));
    const auto names = names_in(deleted);
    REQUIRE(names.size() == 1);
    CHECK(test::read_file(dir / (".deleted/" + names.front())) == text);
    CHECK(deleted.read(names.front())->gone.size() == 1);
    CHECK_FALSE(deleted.read("20200101-000000.000000-h-1-1"));
}

TEST_CASE("one path deleted twice is there twice") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    const Deleted deleted(dir.path());
    for (const std::uint64_t size : {1U, 2U}) {
        put(catalog, link_of("a", size));
        move_to_deleted(catalog, deleted, "a");
    }
    CHECK(names_in(deleted).size() == 2);
}

TEST_CASE("of replace and move_to_deleted in one batch the later counts") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    const Deleted deleted(dir.path());
    put(catalog, link_of("a", 1));
    put(catalog, link_of("b", 1));
    {
        LinkBatch batch(catalog, {"a", "b"});
        batch.replace(link_of("a", 2));
        batch.move_to_deleted("a", deleted);
        batch.move_to_deleted("b", deleted);
        batch.replace(link_of("b", 2));
        batch.commit();
    }
    CHECK_FALSE(catalog.read("a"));
    CHECK(catalog.read("b")->size_bytes == 2);
    CHECK(names_in(deleted).size() == 1);
}

TEST_CASE("a claim keeps others out until it ends, and finish takes the file away") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    const Deleted deleted(dir.path());
    put(catalog, link_of("a", 1));
    move_to_deleted(catalog, deleted, "a");
    const std::string name = names_in(deleted).at(0);
    const Deleted other = Deleted::open_existing(dir.path());
    {
        auto claim = deleted.claim(name);
        REQUIRE(claim);
        CHECK(claim->link().path == "a");
        CHECK(claim->name() == name);
        CHECK_FALSE(other.claim(name));
        CHECK(other.read(name));
    }
    auto again = other.claim(name);
    REQUIRE(again);
    again->finish();
    CHECK(names_in(deleted).empty());
    CHECK_FALSE(deleted.claim(name));
}

TEST_CASE("a damaged deleted link says which file it is, and a missing directory is empty") {
    const TempDir dir;
    CHECK(names_in(Deleted::open_existing(dir.path())).empty());
    CHECK_FALSE(Deleted::open_existing(dir.path()).claim("x"));
    const Deleted deleted(dir.path());
    test::write_file(dir / ".deleted/x", "nonsense\n");
    const std::string expected = dir / ".deleted/x:1: found the end of the line, expected SIZE in bytes";
    const auto message = [](const std::function<void()>& action) -> std::string {
        try {
            action();
        } catch (const base::Error& error) {
            return error.what();
        }
        return "no error";
    };
    CHECK(message([&] { (void)deleted.read("x"); }) == expected);
    CHECK(message([&] { (void)deleted.claim("x"); }) == expected);
}

TEST_CASE("a link that is deleted stands in exactly one place after a crash at any call") {
    int points = 0;
    for (;; ++points) {
        const TempDir dir;
        const Catalog catalog(dir.path());
        put(catalog, link_of("d/a", 1));
        INFO("killed at call ", points + 1);
        const bool ended = test::run_dying_at(points + 1, [&] {
                               move_to_deleted(catalog, Deleted(dir.path()), "d/a");
                           }) == test::Ended::normally;
        const std::size_t moved = names_in(Deleted::open_existing(dir.path())).size();
        CHECK((catalog.read("d/a") ? 1U : 0U) + moved == 1);
        if (ended) {
            CHECK(moved == 1);
            break;
        }
    }
    CHECK(points >= 5);
}

TEST_CASE("a link is put in place although delete removed its directory meanwhile") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    const auto remove_all = [&] { catalog::remove_empty_directories(catalog, ""); };
    LinkBatch batch(catalog, {"d/e/f"});
    batch.replace(link_of("d/e/f", 1));
    SUBCASE("before the rename") {
        remove_all();
        batch.commit();
    }
    SUBCASE("at the rename") {
        const Before at(base::FsCall::rename, remove_all);
        batch.commit();
    }
    SUBCASE("while the directories are made again") {
        remove_all();
        fs::create_directory(dir / ".links/d");
        const Before making(base::FsCall::make_directory, [&] { fs::remove(dir / ".links/d"); });
        batch.commit();
    }
    CHECK(catalog.read("d/e/f")->size_bytes == 1);
}

TEST_CASE("a directory that was made anew is synced anew") {
    class Syncs final : public base::FsObserver {
      public:
        Syncs() { base::set_fs_observer(this); }
        ~Syncs() override { base::set_fs_observer(nullptr); }
        void before(base::FsCall call, std::string_view path) override {
            if (call == base::FsCall::sync)
                paths.emplace_back(path);
        }
        std::vector<std::string> paths;
    };
    const TempDir dir;
    const Catalog catalog(dir.path());
    const std::string top = dir / ".links/";
    const auto synced_top = [&](const std::string& path) {
        const Syncs syncs;
        put(catalog, link_of(path, 1));
        return std::count(syncs.paths.begin(), syncs.paths.end(), top) > 0;
    };
    CHECK(synced_top("d/a"));
    CHECK_FALSE(synced_top("d/b")); // known
    fs::remove_all(dir / ".links/d");
    fs::create_directory(dir / ".links/other"); // keeps the inode number from being given again
    fs::create_directory(dir / ".links/d");     // by a process that died before it synced the entry
    CHECK(synced_top("d/a"));
}
