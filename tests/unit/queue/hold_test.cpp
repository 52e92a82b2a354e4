// queue hold, queue release: queue files out of circulation and back.
#include "base/error.hpp"
#include "queue/claimed_file.hpp"
#include "queue/hold.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

using namespace nodespool;
using queue::FileMover;
using queue::Move;
using queue::Moved;
using Fixture = test::SpoolFixture;
using Lines = std::vector<std::string>;

TEST_CASE("a name means the file that is called so, else it is a pattern") {
    const Lines names = {"a.q", "a1.q", "b.q", "[ab].q"};
    CHECK(queue::names_meant(names, "a.q") == Lines{"a.q"});
    CHECK(queue::names_meant(names, "a*.q") == Lines{"a.q", "a1.q"});
    CHECK(queue::names_meant(names, "[ab].q") == Lines{"[ab].q"});
    CHECK(queue::names_meant(names, "*") == names);
    CHECK(queue::names_meant(names, "c*").empty());
}

TEST_CASE_FIXTURE(Fixture, "a held file is out of the queue, and comes back under its name") {
    write("0-a.q", "upload a 0 1 1\n");
    write("upload-b", "upload b 0 1 1\n");
    FileMover hold(spool, Move::hold);
    CHECK(hold.names() == Lines{"0-a.q", "upload-b"});
    for (const std::string& name : hold.names())
        CHECK(hold.move(name) == Moved::done);
    hold.commit();
    CHECK(jobs().empty());
    CHECK(text("held/0-a.q") == "upload a 0 1 1\n");
    FileMover release(spool, Move::release);
    CHECK(release.names() == Lines{"0-a.q", "upload-b"});
    for (const std::string& name : release.names())
        CHECK(release.move(name) == Moved::done);
    release.commit();
    CHECK(jobs().size() == 2);
    CHECK(spool.held_files().empty());
}

TEST_CASE_FIXTURE(Fixture, "nothing is ever replaced") {
    write("a.q", "upload a 0 1 1\n");
    write("held/a.q", "upload a 0 2 2\n");
    CHECK(FileMover(spool, Move::hold).move("a.q") == Moved::name_taken);
    CHECK(FileMover(spool, Move::release).move("a.q") == Moved::name_taken);
    CHECK(text("a.q") == "upload a 0 1 1\n");
    CHECK(text("held/a.q") == "upload a 0 2 2\n");
}

TEST_CASE_FIXTURE(Fixture, "what is gone, or is no regular file, is not moved") {
    std::filesystem::create_directory(path("dir.q"));
    std::filesystem::create_symlink("/etc/passwd", path("link.q"));
    FileMover hold(spool, Move::hold);
    for (const char* name : {"none.q", "dir.q", "link.q"})
        CHECK(hold.move(name) == Moved::gone);
    CHECK(std::filesystem::is_directory(path("dir.q")));
}

TEST_CASE_FIXTURE(Fixture, "who works on a file lets go of it when it is held, and its jobs stay") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\n");
    const auto worker = queue::ClaimedFile::claim(spool, "a.q");
    const queue::LineMark under_way = queue::mark_of(worker->next().value());
    CHECK(FileMover(spool, Move::hold).move("a.q") == Moved::done_while_in_use);
    CHECK_FALSE(worker->still_reads(queue::mark_of(worker->next().value())));
    CHECK(worker->tick(under_way) == queue::Tick::let_go);
    CHECK_FALSE(worker->set_aside());
    CHECK(text("held/a.q") == "upload a 0 1 1\nupload b 0 1 1\n");
}
