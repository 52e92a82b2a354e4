// Link files and the catalogue.
#include "base/error.hpp"
#include "catalog/catalog.hpp"
#include "support/fault.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

using namespace nodespool;
using catalog::Catalog;
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
    return link;
}

void put(const Catalog& catalog, const Link& link) {
    LinkBatch batch(catalog, {link.path});
    batch.replace(link);
    batch.commit();
}

} // namespace

TEST_CASE("a link file is written as it was read, unknown lines too") {
    const std::string text = "a%20b.txt 147316 1007 1044844761.000000000\n"
                             "checksum sha256:4f0c\n"
                             "server n1 61/47/x by=1-2-3\n"
                             "server n2 12/03/x\n"
                             "gone n3 1/y\n"
                             "copies 2\n"
                             "colour blue\n";
    const Link link = catalog::parse_link(text, "f");
    CHECK(link.path == "a b.txt");
    CHECK(link.servers.size() == 2);
    CHECK(link.servers.front().rest == "by=1-2-3");
    CHECK(link.has_copy({"n2", "12/03/x", ""}));
    CHECK_FALSE(link.has_copy({"n3", "1/y", ""}));
    CHECK(link.records(147316, {1044844761, 0}));
    CHECK(catalog::format_link(link) == text);
}

TEST_CASE("a damaged link file says where") {
    const auto message = [](const std::string& text) -> std::string {
        try {
            catalog::parse_link(text, "links/a");
        } catch (const base::Error& error) {
            return error.what();
        }
        return "no error";
    };
    CHECK(message("") == "links/a:1: found an empty file, expected PATH SIZE OWNER MTIME");
    CHECK(message("a x 1 1\n") == "links/a:1: found 'x', expected SIZE in bytes");
    CHECK(message("a 1 1 1\nserver n1\n") == "links/a:2: found the end of the line, expected NAME");
    CHECK(message("a 1 1 1\ncopies many\n") == "links/a:2: found 'many', expected a number of copies");
}

TEST_CASE("a link is there after commit, and not before") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    {
        LinkBatch batch(catalog, {"d/e/f"});
        batch.replace(link_of("d/e/f", 1));
        CHECK_FALSE(catalog.read("d/e/f"));
        batch.commit();
    }
    CHECK(catalog.read("d/e/f")->size_bytes == 1);
    CHECK_FALSE(catalog.read("d/e"));
    CHECK_FALSE(catalog.read("other"));
}

TEST_CASE("a commit in a catalogue that was replaced is none") {
    enum class Change { replaced_link, relied_on_link };
    const auto message_of = [](Change change, const std::string& replaced) {
        const TempDir dir;
        const Catalog catalog(dir.path());
        put(catalog, link_of("before", 1));
        LinkBatch batch(catalog, {"a", "before"});
        if (change == Change::replaced_link)
            batch.replace(link_of("a", 1));
        else
            batch.rely_on("before");
        fs::rename(dir / replaced, dir / "bad");
        fs::copy(dir / "bad", dir / replaced, fs::copy_options::recursive);
        try {
            batch.commit();
        } catch (const base::Error& error) {
            return std::string(error.what()).substr(dir.path().size());
        }
        return std::string("committed");
    };
    const std::string what = " was replaced while this program ran: start it again";
    CHECK(message_of(Change::replaced_link, ".links") == "/.links" + what);
    CHECK(message_of(Change::relied_on_link, ".links") == "/.links" + what);
    CHECK(message_of(Change::replaced_link, ".links/.lock") == "/.links/.lock" + what);
}

TEST_CASE("a link file that claims another path is refused") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    put(catalog, link_of("a", 1));
    std::filesystem::copy(dir / ".links/a", dir / ".links/b");
    CHECK_THROWS_AS((void)catalog.read("b"), base::Error);
}

TEST_CASE("a file and a directory of one name stand in each other's way") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    put(catalog, link_of("a", 1));
    put(catalog, link_of("d/x", 1));
    CHECK(catalog.obstacle("a/b/c") == "a is a file in the catalogue");
    CHECK(catalog.obstacle("d") == "there are files below d/ in the catalogue");
    CHECK(catalog.obstacle("d/y").empty());
    CHECK(catalog.obstacle("new/z").empty());
    std::filesystem::remove(dir / ".links/d/x");
    CHECK(catalog.obstacle("d").empty());
    put(catalog, link_of("d", 2));
    CHECK(catalog.read("d")->size_bytes == 2);
}

TEST_CASE("two batches over the same links wait for each other") {
    const TempDir dir;
    const Catalog catalog(dir.path());
    put(catalog, link_of("count", 0));
    const auto add = [&] {
        for (int i = 0; i < 50; ++i) {
            LinkBatch batch(catalog, {"count", "other"});
            Link link = batch.read("count").value();
            ++link.size_bytes;
            batch.replace(link);
            batch.commit();
        }
    };
    std::thread first(add);
    std::thread second(add);
    first.join();
    second.join();
    CHECK(catalog.read("count")->size_bytes == 100);
}

TEST_CASE("a link is the old or the new one after a crash at any call") {
    for (int point = 1;; ++point) {
        const TempDir dir;
        put(Catalog(dir.path()), link_of("a", 1));
        const bool ended = test::run_dying_at(point, [&] { put(Catalog(dir.path()), link_of("a", 2)); }) ==
                           test::Ended::normally;
        const Catalog catalog(dir.path());
        const std::uint64_t size = catalog.read("a")->size_bytes;
        CHECK((ended ? size == 2 : size == 1 || size == 2));
        catalog.clear_abandoned();
        CHECK(std::filesystem::is_empty(dir / ".links/.tmp"));
        if (ended)
            break;
    }
}
