// Queue files: which are read, in what order, how they are claimed, ticked and taken away, and what people
// may do to them meanwhile.
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "queue/claimed_file.hpp"
#include "queue/line_reader.hpp"
#include "queue/outbox.hpp"
#include "queue/survey.hpp"
#include "queue/worked_off.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace nodespool;
using queue::ClaimedFile;
using test::TempDir;
using Fixture = test::SpoolFixture;

namespace {

std::vector<std::string> lines_of(ClaimedFile& file) {
    std::vector<std::string> lines;
    while (const auto line = file.next())
        lines.emplace_back(line->text);
    return lines;
}

queue::LineMark first_line(ClaimedFile& file) {
    return queue::mark_of(file.next().value());
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "the spool is made for its owner and group alone") {
    const auto status = base::status_at(base::k_cwd, path(""));
    CHECK(status->mode == 02770);
}

TEST_CASE_FIXTURE(Fixture, "only queue files are read, in name order") {
    for (const char* name : {"b.q", "a.q", "9-z.q", "0-z.q", ".hidden.q", "notes.txt", "store-old",
                             "store-a.b", "remove-x", "a.q~"})
        write(name, "");
    CHECK(spool.queue_files({queue::Keyword::upload, queue::Keyword::store}) ==
          std::vector<std::string>{"0-z.q", "9-z.q", "a.q", "b.q", "store-old"});
}

TEST_CASE_FIXTURE(Fixture, "a published file is named by its time, and its jobs can be read back") {
    queue::Outbox outbox(spool);
    queue::JobRecord job = queue::parse_job("store a 1 1", {}, nullptr);
    outbox.resubmit(job, queue::Priority::first, {"n1: it was\nraining", {2000, 0}, {1000, 0}});
    outbox.commit();
    const auto names = spool.queue_files({});
    REQUIRE(names.size() == 1);
    CHECK(queue::priority_of(names.front()) == queue::Priority::first);
    CHECK(queue::stamp_of(names.front())->seconds == clock.time.seconds);
    CHECK(text(names.front())
              .find("n1: it was\\x0Araining\nstore a 1 1 since=1000.000000000 attempts=1 "
                    "not-before=2000.000000000\n") != std::string::npos);
    CHECK(base::status_at(base::k_cwd, path(names.front()))->mode == 0660);
}

TEST_CASE_FIXTURE(Fixture, "a claimed file is skipped by others until it is let go") {
    write("a.q", "store a 1 1\n");
    auto first = ClaimedFile::claim(spool, "a.q");
    REQUIRE(first);
    CHECK_FALSE(ClaimedFile::claim(spool, "a.q"));
    first.reset();
    CHECK(ClaimedFile::claim(spool, "a.q"));
}

TEST_CASE_FIXTURE(Fixture, "directories, links and missing names are never claimed") {
    std::filesystem::create_directory(path("dir.q"));
    std::filesystem::create_symlink("a.q", path("link.q"));
    CHECK_FALSE(ClaimedFile::claim(spool, "dir.q"));
    CHECK_FALSE(ClaimedFile::claim(spool, "none.q"));
    CHECK_FALSE(ClaimedFile::claim(spool, "link.q"));
}

TEST_CASE_FIXTURE(Fixture, "a tick turns the line into a comment") {
    write("a.q", "  store a 1 1\nstore b 1 1\n");
    auto file = ClaimedFile::claim(spool, "a.q");
    const auto mark = first_line(*file);
    CHECK(file->still_reads(mark));
    CHECK(file->tick(mark) == queue::Tick::done);
    CHECK(text("a.q") == "# store a 1 1\nstore b 1 1\n");
    CHECK_FALSE(file->still_reads(mark));
}

TEST_CASE_FIXTURE(Fixture, "nothing is written to a file that an editor replaced or rewrote") {
    write("a.q", "store a 1 1\n");
    auto file = ClaimedFile::claim(spool, "a.q");
    const auto mark = first_line(*file);
    SUBCASE("renamed over") {
        write("new", "store b 2 2\n");
        std::filesystem::rename(path("new"), path("a.q"));
        CHECK(file->tick(mark) == queue::Tick::let_go);
        CHECK(text("a.q") == "store b 2 2\n");
        CHECK_FALSE(file->set_aside());
    }
    SUBCASE("saved in place") {
        write("a.q", "store b 2 2\n");
        CHECK(file->tick(mark) == queue::Tick::let_go);
        CHECK(text("a.q") == "store b 2 2\n");
    }
    SUBCASE("the line made longer") {
        write("a.q", "store a 1 1 n1\n");
        CHECK(file->tick(mark) == queue::Tick::let_go);
    }
    SUBCASE("a line put before it") {
        write("a.q", "#\nstore a 1 1\n");
        CHECK(file->tick(mark) == queue::Tick::let_go);
    }
}

TEST_CASE_FIXTURE(Fixture, "many lines are ticked together, those excepted that read differently now") {
    constexpr std::size_t k_lines = 300; // several looks, as they are about 40 bytes each
    std::vector<std::string> lines;
    std::string all;
    for (std::size_t i = 0; i < k_lines; ++i) {
        lines.push_back("store file-" + std::to_string(i) + " 1 1 # " + std::string(i % 40, 'x'));
        all += lines.back() + "\n";
    }
    write("a.q", all);
    auto file = ClaimedFile::claim(spool, "a.q");
    std::vector<queue::LineMark> marks;
    while (const auto line = file->next())
        marks.push_back(queue::mark_of(*line));
    REQUIRE(marks.size() == k_lines);
    std::vector<bool> edited(k_lines);
    SUBCASE("none") {}
    SUBCASE("some, in place") {
        for (const std::size_t number : {0, 1, 77, 150, 299}) {
            edited[number] = true;
            lines[number][1] = 'T';
        }
        std::string text;
        for (const std::string& line : lines)
            text += line + "\n";
        write("a.q", text);
    }
    SUBCASE("asked for in another order") {
        std::reverse(marks.begin(), marks.end());
    }
    const std::vector<bool> read = file->still_read(marks);
    const std::vector<queue::Tick> ticks = file->tick(marks);
    REQUIRE(read.size() == k_lines);
    REQUIRE(ticks.size() == k_lines);
    std::string expected;
    for (std::size_t i = 0; i < k_lines; ++i) {
        CHECK(read[i] == !edited[i]);
        CHECK((ticks[i] == queue::Tick::done) == !edited[i]);
        expected += (edited[i] ? lines[i] : "#" + lines[i].substr(1)) + "\n";
    }
    CHECK(text("a.q") == expected);
}

TEST_CASE_FIXTURE(Fixture, "no line of a file that was renamed over is ticked") {
    write("a.q", "store a 1 1\nstore b 1 1\n");
    auto file = ClaimedFile::claim(spool, "a.q");
    const std::vector<queue::LineMark> marks{queue::mark_of(file->next().value()),
                                             queue::mark_of(file->next().value())};
    write("new", "store a 1 1\nstore b 1 1\n");
    std::filesystem::rename(path("new"), path("a.q"));
    CHECK(file->still_read(marks) == std::vector<bool>(2, false));
    CHECK(file->tick(marks) == std::vector<queue::Tick>(2, queue::Tick::let_go));
    CHECK(text("a.q") == "store a 1 1\nstore b 1 1\n");
}

TEST_CASE_FIXTURE(Fixture, "a worked-off file is set aside, looked at again, and removed") {
    write("a.q", "store a 1 1\n");
    auto file = ClaimedFile::claim(spool, "a.q");
    file->tick(first_line(*file));
    CHECK(file->set_aside());
    CHECK_FALSE(exists("a.q"));
    CHECK(exists(".a.q.done"));
    CHECK(file->retire() == queue::Retirement::removed);
    CHECK_FALSE(exists(".a.q.done"));
}

TEST_CASE_FIXTURE(Fixture, "what is appended while a file is taken away comes back") {
    write("a.q", "store a 1 1\n");
    std::ofstream appender(path("a.q"), std::ios::app);
    auto file = ClaimedFile::claim(spool, "a.q");
    file->tick(first_line(*file));
    CHECK(file->set_aside());
    SUBCASE("the writer has written and gone") {
        appender << "store b 2 2\n";
        appender.close();
        CHECK(file->retire() == queue::Retirement::given_back);
        CHECK(text("a.q") == "#tore a 1 1\nstore b 2 2\n");
    }
    SUBCASE("the writer has it open still") {
        CHECK(file->retire() == queue::Retirement::given_back);
        appender << "store b 2 2\n" << std::flush;
        CHECK(text("a.q") == "#tore a 1 1\nstore b 2 2\n");
    }
    SUBCASE("its name was taken meanwhile") {
        appender << "store b 2 2\n";
        appender.close();
        write("a.q", "store c 3 3\n");
        CHECK(file->retire() == queue::Retirement::given_back);
        CHECK(text("a.q") == "store c 3 3\n");
        REQUIRE(spool.queue_files({}).size() == 2);
        CHECK(text(spool.queue_files({}).front()) == "#tore a 1 1\nstore b 2 2\n");
    }
}

TEST_CASE_FIXTURE(Fixture, "the next run settles what a killed one had set aside") {
    write(".done1.q.done", "#tore a 1 1\n");
    write(".done2.q.done", "#tore a 1 1\nstore b 2 2\n");
    queue::settle_set_aside_files(spool);
    CHECK_FALSE(exists(".done1.q.done"));
    CHECK(text("done2.q") == "#tore a 1 1\nstore b 2 2\n");
}

TEST_CASE_FIXTURE(Fixture, "a last line without newline runs only when it has rested and nobody writes") {
    write("a.q", "store a 1 1\nstore b 2 2");
    SUBCASE("too young") {
        auto file = ClaimedFile::claim(spool, "a.q");
        CHECK(lines_of(*file) == std::vector<std::string>{"store a 1 1"});
        CHECK(file->left_last_line());
    }
    SUBCASE("rested") {
        clock.time = clock.time.plus(10);
        auto file = ClaimedFile::claim(spool, "a.q");
        CHECK(lines_of(*file) == std::vector<std::string>{"store a 1 1", "store b 2 2"});
        CHECK_FALSE(file->left_last_line());
        CHECK(text("a.q") == "store a 1 1\nstore b 2 2\n"); // whoever appends now starts a new line
    }
    SUBCASE("somebody has it open for writing") {
        clock.time = clock.time.plus(10);
        const std::ofstream writer(path("a.q"), std::ios::app);
        auto file = ClaimedFile::claim(spool, "a.q");
        CHECK(lines_of(*file) == std::vector<std::string>{"store a 1 1"});
        CHECK(file->left_last_line());
    }
}

TEST_CASE_FIXTURE(Fixture, "a line of any length is set aside whole") {
    const std::string monster = "store " + std::string(300000, 'x');
    write("a.q", monster + "\nstore b 1 1\n");
    auto file = ClaimedFile::claim(spool, "a.q");
    const auto line = file->next();
    CHECK(line->length == monster.size());
    CHECK(line->text.size() == queue::k_max_line_bytes + 1);
    const auto mark = queue::mark_of(*line);
    CHECK(file->next()->text == "store b 1 1");
    CHECK(file->still_reads(mark));
    queue::Outbox outbox(spool);
    outbox.reject(*file, mark, "too long");
    outbox.commit();
    CHECK(file->tick(mark) == queue::Tick::done);
    const auto names = spool.rejected_files();
    REQUIRE(names.size() == 1);
    CHECK(text("rejected/" + names.front()) == "# too long\n" + monster + "\n");
}

TEST_CASE_FIXTURE(Fixture, "a survey tells the state of each line and what was noted about it") {
    write("20261120-201503.123456-h-1-1.q",
          "# tried\nstore a 1 1 attempts=2 since=5 not-before=99999999999\n#\nstroe\nupload b 0 1 1\n");
    write("held/h.q", "store c 1 1\n");
    write("rejected/r.q", "# x.q:1:1: bad\nstore\n");
    std::vector<queue::SurveyedJob> seen;
    queue::survey(spool, [&](const queue::SurveyedJob& job) { seen.push_back(job); });
    REQUIRE(seen.size() == 5);
    CHECK(seen[0].state == queue::JobState::deferred);
    CHECK(seen[0].comment == "tried");
    CHECK(seen[0].queued_at == base::Timestamp{5, 0});
    CHECK(seen[1].state == queue::JobState::rejected);
    CHECK_FALSE(seen[1].keyword);
    CHECK(seen[2].state == queue::JobState::ready);
    CHECK(seen[2].line == 5);
    CHECK(seen[2].queued_at.seconds == 1795205703);
    CHECK(seen[3].state == queue::JobState::held);
    CHECK(seen[4].state == queue::JobState::rejected);
    CHECK(seen[4].comment == "x.q:1:1: bad");
}

TEST_CASE_FIXTURE(Fixture, "temporaries of living writers stay, those of dead ones go") {
    write(".dead.q.0123456789abcdef.tmp", "store a");
    write("job.q.tmp", "an operator's own");
    write(".job.q.tmp", "an operator's own");
    auto writer = spool.new_file(queue::Priority::normal);
    spool.clear_abandoned();
    CHECK_FALSE(exists(".dead.q.0123456789abcdef.tmp"));
    CHECK(exists("job.q.tmp"));
    CHECK(exists(".job.q.tmp"));
    writer.add_raw("store a 1 1");
    writer.commit();
    CHECK(text(writer.name()) == "store a 1 1\n");
}

TEST_CASE("lines come out the same however blocks cut them") {
    const TempDir dir;
    std::string text;
    std::vector<std::string> expected;
    for (int i = 0; i < 5000; ++i) {
        expected.push_back(std::string(static_cast<std::size_t>(i % 97), 'a') + std::to_string(i));
        text += expected.back() + "\n";
    }
    test::write_file(dir / "f", text);
    const base::Fd fd = base::open_at(base::k_cwd, dir / "f", O_RDONLY);
    for (const queue::Input input : {queue::Input::file, queue::Input::stream}) {
        queue::LineReader reader(fd.get(), "f", input);
        std::size_t count = 0;
        std::uint64_t offset = 0;
        while (const auto line = reader.next()) {
            REQUIRE(count < expected.size());
            CHECK(line->text == expected[count]);
            CHECK(line->number == count + 1);
            CHECK(line->offset == offset);
            offset += line->length + 1;
            ++count;
        }
        CHECK(count == expected.size());
    }
}
