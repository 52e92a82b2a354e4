// Uploads in the file space: what a scan queues, and how a stored one is taken away.
#include "processor/take_away.hpp"
#include "processor/uploads.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

using namespace nodespool;
using processor::Result;
using test::World;

namespace fs = std::filesystem;

TEST_CASE("a scan queues what is quiet, neither queued nor stored, once") {
    World world;
    world.upload("queued", "1");
    world.upload("new/one", "2");
    world.upload("writing", "3");
    world.upload(".dot", "4");
    world.upload("d/.nodespool-x", "5");
    fs::create_symlink("queued", world.cluster.files + "/link");
    world.queue("1.q", world.upload_line("queued") + "\n");
    const std::ofstream writer(world.cluster.files + "/writing", std::ios::app);
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    std::map<std::string, processor::Skipped> skipped;
    for (int round = 0; round < 2; ++round) {
        processor::UploadQueue uploads(files, spool);
        scan_uploads(world.cluster, files, spool, &uploads,
                     {[](const processor::Upload&) {},
                      [&](const std::string& path, processor::Skipped why) { skipped[path] = why; }});
        uploads.commit();
    }
    CHECK(world.jobs() ==
          std::vector<std::string>{world.upload_line("queued"), world.upload_line("new/one")});
    CHECK(skipped["writing"] == processor::Skipped::being_written);
    CHECK(skipped["queued"] == processor::Skipped::queued);
    CHECK(skipped["d/.nodespool-x"] == processor::Skipped::unclaimed);
    CHECK(skipped.count("link") == 0);
}

TEST_CASE("a file whose time lies in the future is stored, and found by a scan") {
    World world;
    world.cluster.quiet = std::chrono::seconds(0);
    world.upload("a", "a", base::Timestamp{4102444800, 0});
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::UploadQueue uploads(files, spool);
    scan_uploads(world.cluster, files, spool, &uploads,
                 {[](const processor::Upload&) {}, [](const std::string&, processor::Skipped) {}});
    uploads.commit();
    CHECK(world.store().count(Result::done) == 1);
    CHECK(world.stored("a") == "a");
}

TEST_CASE("a file that is written to at the last moment is put back") {
    World world;
    const auto version = world.upload("d/a", "stored");
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::TakeAway take_away(files);
    processor::ParentDirectories parents(files);
    std::ofstream writer(world.cluster.files + "/d/a", std::ios::app);
    REQUIRE(take_away.hide("d/a", version, parents) == processor::TakeAway::Hiding::hidden);
    CHECK_FALSE(fs::exists(world.cluster.files + "/d/a"));
    using How = processor::TakeAway::Ending::How;
    SUBCASE("open still") {
        CHECK(take_away.finish("d/a", version, parents).how == How::put_back);
        CHECK(world.in_file_space() == std::vector<std::string>{"d/a"});
    }
    SUBCASE("written and closed") {
        writer << "more";
        writer.close();
        CHECK(take_away.finish("d/a", version, parents).how == How::put_back);
        CHECK(test::read_file(world.cluster.files + "/d/a") == "storedmore");
    }
    SUBCASE("its name taken by a new upload") {
        world.upload("d/a", "new");
        const auto ending = take_away.finish("d/a", version, parents);
        CHECK(ending.how == How::put_beside);
        CHECK(test::read_file(world.cluster.files + "/d/a") == "new");
        CHECK(test::read_file(world.cluster.files + "/" + ending.path) == "stored");
    }
    SUBCASE("untouched") {
        writer.close();
        CHECK(take_away.finish("d/a", version, parents).how == How::removed);
        CHECK(world.in_file_space().empty());
    }
}

TEST_CASE("only the version that was stored is hidden") {
    World world;
    const auto version = world.upload("a", "stored");
    world.upload("a", "another");
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::TakeAway take_away(files);
    processor::ParentDirectories parents(files);
    CHECK(take_away.hide("a", version, parents) == processor::TakeAway::Hiding::not_there);
    CHECK(world.in_file_space() == std::vector<std::string>{"a"});
}
