// Uploads in the file space: what a scan queues, and how a stored one is taken away.
#include "base/error.hpp"
#include "base/fs_observer.hpp"
#include "processor/take_away.hpp"
#include "processor/uploads.hpp"
#include "support/world.hpp"
#include "support/write_lease.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

using namespace nodespool;
using processor::Result;
using test::World;
using namespace std::chrono_literals;

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

namespace {

/// Fails every sync of this file.
class SyncFails final : public base::FsObserver {
  public:
    explicit SyncFails(std::string path) : m_path(std::move(path)) { base::set_fs_observer(this); }
    ~SyncFails() override { base::set_fs_observer(nullptr); }
    void before(base::FsCall call, std::string_view path) override {
        if (call == base::FsCall::sync && path.ends_with(m_path))
            throw base::SystemError("sync " + std::string(path), EIO);
    }

  private:
    std::string m_path;
};

} // namespace

TEST_CASE("a directory that could not be written to disk holds up what is below it, and nothing else") {
    World world;
    for (const char* const path : {"bad/one", "bad/deep/two", "good/three", "four"})
        world.upload(path, "x");
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, std::chrono::seconds(0), base::system_clock());
    const auto queue_all = [&] {
        processor::UploadQueue uploads(files, spool);
        for (const char* const path : {"bad/one", "bad/deep/two", "good/three", "four"})
            uploads.add(path);
        return uploads.commit();
    };
    {
        const SyncFails fault("/bad");
        const processor::QueuedUploads queued = queue_all();
        CHECK(queued.uploads.size() == 2);
        REQUIRE(queued.postponed.size() == 2);
        CHECK(queued.postponed[1].path == "bad/deep/two");
        const std::string why = queued.postponed[1].error.what();
        CHECK(why.find("/bad/deep/two is not queued: cannot sync ") != why.npos);
        CHECK(queued.failed.empty());
    }
    CHECK(world.jobs() ==
          std::vector<std::string>{world.upload_line("good/three"), world.upload_line("four")});
    CHECK(queue_all().uploads.size() == 4);
}

TEST_CASE("a file under a write lease is being written") {
    World world;
    world.upload("leased", "1");
    world.upload("other", "2");
    world.queue("1.q", world.upload_line("leased") + "\n");
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, std::chrono::seconds(0), base::system_clock());
    std::optional<test::WriteLease> lease(world.cluster.files + "/leased");
    const processor::FileSpace::Opened opened = files.open("leased");
    CHECK_FALSE(opened.fd.is_open());
    REQUIRE(opened.found.status.has_value());
    CHECK(files.rest_of(opened.fd.get(), *opened.found.status) == processor::Rest::being_written);
    processor::UploadQueue uploads(files, spool);
    using Why = processor::NoUpload::Why;
    try {
        uploads.add("leased");
        FAIL("it was taken");
    } catch (const processor::NoUpload& error) {
        CHECK(error.why() == Why::being_written);
    }
    // store: the job stays, and nothing failed.
    const processor::Summary summary = world.store();
    CHECK(summary.count(Result::resubmitted) == 1);
    CHECK(summary.count(Result::left) == 0);
    CHECK(world.in_file_space() == std::vector<std::string>{"leased", "other"});
    lease.reset();
    uploads.add("leased");
    CHECK(uploads.commit().uploads.size() == 1);
}

TEST_CASE("an upload that could not be written to disk is not queued until it was written anew") {
    World world;
    const auto failed_version = world.upload("d/bad", "lost");
    world.upload("d/good", "kept");
    const queue::Spool spool(world.root(), base::system_clock());
    const processor::FileSpace files(world.cluster.files, std::chrono::seconds(0), base::system_clock());
    {
        const SyncFails fault("/d/bad");
        processor::UploadQueue uploads(files, spool);
        uploads.add("d/bad");
        uploads.add("d/good");
        const processor::QueuedUploads queued = uploads.commit();
        REQUIRE(queued.failed.size() == 1);
        CHECK(queued.failed[0].path == "d/bad");
        CHECK(queued.uploads.size() == 1);
    }
    const auto scan = [&] {
        std::map<std::string, processor::Skipped> skipped;
        processor::UploadQueue uploads(files, spool);
        scan_uploads(world.cluster, files, spool, &uploads,
                     {[](const processor::Upload&) {},
                      [&](const std::string& path, processor::Skipped why) { skipped[path] = why; }});
        uploads.commit();
        return skipped;
    };
    const auto refusal = [&](const std::string& path) -> std::string {
        try {
            processor::UploadQueue(files, spool).add(path);
            return "";
        } catch (const processor::NoUpload& error) {
            CHECK(error.error_class() == base::ErrorClass::io);
            return error.what();
        }
    };
    const auto unsynced = [&] { // how many are remembered
        const fs::directory_iterator all(world.root() + "/.state/unsynced");
        return std::distance(begin(all), end(all));
    };
    CHECK(scan()["d/bad"] == processor::Skipped::unsynced);
    CHECK(refusal("d/bad").find("d/bad: it could not be written to disk") != std::string::npos);
    CHECK(unsynced() == 1);

    SUBCASE("under another name, and with the time that the client sets, it is the same") {
        fs::rename(world.cluster.files + "/d/bad", world.cluster.files + "/renamed");
        fs::last_write_time(world.cluster.files + "/renamed", fs::file_time_type::clock::now() - 1h);
        CHECK(scan()["renamed"] == processor::Skipped::unsynced);
        CHECK_FALSE(refusal("renamed").empty());
    }
    SUBCASE("written anew in its place, it is good, and forgotten") {
        world.upload("d/bad", "anew");
        CHECK(scan().count("d/bad") == 0);
        CHECK(world.jobs().size() == 2);
        CHECK(unsynced() == 0);
    }
    SUBCASE("another file in its place is good, whatever its time") {
        fs::rename(world.cluster.files + "/d/bad", world.root() + "/away");
        world.upload("d/bad", "anew", failed_version.mtime);
        CHECK(scan().count("d/bad") == 0);
        CHECK(world.jobs().size() == 2);
    }
    SUBCASE("what the directory holds besides does no harm") {
        for (const char* const name : {"x", "1_2_3", "1_2_3_4_5", "a_1.0_1_1.0", "1_1.0_x_1.0", "1_1.0_1_"})
            std::ofstream(world.root() + "/.state/unsynced/" + name) << "noise";
        CHECK(scan()["d/bad"] == processor::Skipped::unsynced);
        CHECK(world.jobs().size() == 1);
    }
}
