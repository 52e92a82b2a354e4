// queue take: jobs out of the queue, none of them lost or handed out twice.
#include "base/error.hpp"
#include "queue/take.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace nodespool;
using queue::Keyword;
using Fixture = test::SpoolFixture;
using Lines = std::vector<std::string>;

namespace {

struct Take {
    explicit Take(const queue::Spool& taken_from) : spool(&taken_from) {}

    queue::Taken run() {
        return queue::take_jobs(
            *spool, selection, most,
            [&](const std::vector<queue::TakenJob>& group) {
                for (const queue::TakenJob& job : group)
                    printed.emplace_back(job.text);
            },
            [&](const std::string& reason) { bad.push_back(reason); });
    }

    const queue::Spool* spool;
    queue::Selection selection;
    std::optional<std::uint64_t> most;
    Lines printed;
    Lines bad;
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "due jobs of the keyword come out in the order of work, and are gone") {
    write("b.q", "upload b 0 1 1 since=5\n");
    write("0-z.q", "# why\nupload first 0 1 1 since=5 attempts=2\n");
    write("a.q", "upload a 0 1 1 n1 n2 since=5\nremove n1 x 1\nupload later 0 1 1 not-before=99999999999\n");
    Take take(spool);
    const queue::Taken taken = take.run();
    CHECK(taken.jobs == 3);
    CHECK(take.printed == Lines{"upload first 0 1 1 since=5 attempts=2", "upload a 0 1 1 n1 n2 since=5",
                                "upload b 0 1 1 since=5"});
    CHECK(jobs() == Lines{"remove n1 x 1", "upload later 0 1 1 not-before=99999999999"});
    CHECK(names() == Lines{"a.q"}); // the others are worked off
}

TEST_CASE_FIXTURE(Fixture, "a job without since= gets the time at which it was queued") {
    write("20261120-201503.123456-h-1-1.q", "upload a 0 1 1 \t\r\n");
    Take take(spool);
    take.run();
    CHECK(take.printed == Lines{"upload a 0 1 1 since=1795205703.000000000"});
}

TEST_CASE_FIXTURE(Fixture,
                  "a job for one copy more gets an identity, so that two lines of it make one copy") {
    write("a.q",
          "replicate a 1 1 since=5\nreplicate b 1 1 copies=2 since=5\nreplicate c 1 1 job=7 since=5\n");
    Take take(spool);
    take.selection.keyword = queue::Keyword::replicate;
    const std::string id = queue::ClaimedFile::claim(spool, "a.q")->line_id({});
    take.run();
    CHECK(take.printed == Lines{"replicate a 1 1 since=5 job=" + id, "replicate b 1 1 copies=2 since=5",
                                "replicate c 1 1 job=7 since=5"});
}

TEST_CASE_FIXTURE(Fixture, "a line of the greatest length is taken as it is") {
    const std::string start = "upload a 0 1 1 pad=";
    const std::string line = start + std::string(queue::k_max_line_bytes - start.size(), 'x');
    write("a.q", line + "\n");
    Take take(spool);
    take.run();
    CHECK(take.printed == Lines{line});
}

TEST_CASE_FIXTURE(Fixture, "deferred jobs come where asked") {
    write("a.q", "upload later 0 1 1 since=5 not-before=99999999999\n");
    Take take(spool);
    CHECK(take.run().jobs == 0);
    take.selection.deferred = queue::Deferred::include;
    CHECK(take.run().jobs == 1);
    CHECK(names().empty());
}

TEST_CASE_FIXTURE(Fixture, "a glob picks files, and removes by the file that they say") {
    write("a.q",
          "upload in/a.jpg 0 1 1\nupload in/b.txt 0 1 1\nremove n1 x 1 path=in/c.jpg\nremove n1 y 1\n");
    Take take(spool);
    take.selection.glob = "*.jpg";
    CHECK(take.run().jobs == 1);
    take.selection.keyword = Keyword::remove;
    CHECK(take.run().jobs == 1);
    CHECK(jobs() == Lines{"upload in/b.txt 0 1 1", "remove n1 y 1"});
}

TEST_CASE_FIXTURE(Fixture, "no more jobs than asked come out, and files worked off by this go away") {
    write("a.q", "upload a 0 1 1\n");
    write("b.q", "upload b 0 1 1\nupload c 0 1 1\n");
    Take take(spool);
    take.most = 1;
    CHECK(take.run().jobs == 1);
    CHECK(names() == Lines{"b.q"});
    CHECK(take.run().jobs == 1);
    CHECK(jobs() == Lines{"upload c 0 1 1"});
    CHECK(take.run().jobs == 1);
    CHECK(names().empty());
}

TEST_CASE_FIXTURE(Fixture, "bad lines and lines without a known keyword stay, and are told") {
    write("a.q", "upload a 0 x 1\nuplaod b 0 1 1\nstore bad\nupload c 0 1 1 since=5\n");
    Take take(spool);
    CHECK(take.run().jobs == 1);
    CHECK(take.bad.size() == 2); // what is wrong with other keywords' lines, their processors say
    CHECK(jobs() == Lines{"upload a 0 x 1", "uplaod b 0 1 1", "store bad"});
}

TEST_CASE_FIXTURE(Fixture, "a file that somebody else works on is passed over and told") {
    write("a.q", "upload a 0 1 1\n");
    write("b.q", "upload b 0 1 1\n");
    const auto other = queue::ClaimedFile::claim(spool, "a.q");
    Take take(spool);
    const queue::Taken taken = take.run();
    CHECK(taken.jobs == 1);
    CHECK(taken.busy_files == 1);
    CHECK(jobs() == Lines{"upload a 0 1 1"});
}

TEST_CASE_FIXTURE(Fixture, "jobs that could not be written stay") {
    std::string text;
    for (int i = 0; i < 10000; ++i)
        text += "upload f" + std::to_string(i) + " 0 1 1\n";
    write("a.q", text);
    std::size_t printed = 0;
    CHECK_THROWS_AS(queue::take_jobs(
                        spool, {}, std::nullopt,
                        [&](const std::vector<queue::TakenJob>& group) {
                            if (printed > 0)
                                throw base::Error(base::ErrorClass::io, "the pipe is closed");
                            printed += group.size();
                        },
                        [](const std::string&) {}),
                    base::Error);
    CHECK(printed > 0);
    CHECK(jobs().size() == 10000 - printed);
}

TEST_CASE_FIXTURE(Fixture, "a line that is changed while it is written stays as it was changed") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\n");
    const queue::Taken taken = queue::take_jobs(
        spool, {}, std::nullopt,
        [&](const std::vector<queue::TakenJob>&) { write("a.q", "upload a 0 2 1\nupload b 0 1 1\n"); },
        [](const std::string&) {});
    CHECK(taken.changed == 1);
    CHECK(jobs() == Lines{"upload a 0 2 1"});
}

TEST_CASE_FIXTURE(Fixture, "more files than a group holds, most of them without a job that is wanted") {
    for (int i = 0; i < 300; ++i)
        write("f" + std::to_string(1000 + i) + ".q", i % 100 == 99 ? "upload a 0 1 1\n" : "store a 1 1\n");
    Take take(spool);
    CHECK(take.run().jobs == 3);
    CHECK(jobs().size() == 297);
    CHECK(names().size() == 297);
}

TEST_CASE_FIXTURE(Fixture, "what a killed run had set aside is looked through, too") {
    write(".a.q.done", "#pload a 0 1 1\nupload b 0 1 1 since=5\n");
    Take take(spool);
    CHECK(take.run().jobs == 1);
    CHECK(names().empty());
}
