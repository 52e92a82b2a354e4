// queue rejected --requeue: lines that somebody repaired go back into the queue.
#include "queue/claimed_file.hpp"
#include "queue/requeue.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace nodespool;
using Lines = std::vector<std::string>;

namespace {

struct Fixture : test::SpoolFixture {
    queue::Requeued requeue() {
        reasons.clear();
        return queue::requeue_rejected(spool, spool.rejected_files(), known,
                                       [&](const std::string& reason) { reasons.push_back(reason); });
    }
    /// All of `.queue/rejected/`, comments too.
    [[nodiscard]] std::string all_rejected() const {
        std::string all;
        for (const std::string& name : spool.rejected_files())
            all += text("rejected/" + name);
        return all;
    }
    queue::NodeNames known{"n1"};
    Lines reasons;
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "good lines are queued, and files without a line left go away") {
    write("rejected/a.q", "# x.q:1:1: found this, expected that\nupload a 7 1 1 n1 since=5 attempts=3\n");
    write("rejected/b.q", "upload b 7 1 1\nstore c 1 1\n");
    const queue::Requeued result = requeue();
    CHECK(result.jobs == 3);
    CHECK(result.rejected == 0);
    CHECK(jobs() == Lines{"upload a 7 1 1 n1 since=5 attempts=3", "upload b 7 1 1", "store c 1 1"});
    CHECK(names().size() == 1);
    CHECK(std::filesystem::is_empty(path("rejected")));
}

TEST_CASE_FIXTURE(Fixture,
                  "a job for one copy more gets an identity, should both of its lines stand for a moment") {
    write("rejected/a.q", "replicate a 7 1\nreplicate b 7 1 copies=2\n");
    CHECK(requeue().jobs == 2);
    REQUIRE(jobs().size() == 2);
    CHECK(jobs()[0].starts_with("replicate a 7 1 job="));
    CHECK(jobs()[1] == "replicate b 7 1 copies=2");
}

TEST_CASE_FIXTURE(Fixture,
                  "a line that is as bad as before stays with its reason, however often it is tried") {
    const std::string before = "# x.q:9:16: found node 'n9', expected a node of the configuration (n1)\n"
                               "upload a 7 1 1 n9\n";
    write("rejected/a.q", before);
    for (int i = 0; i < 2; ++i) {
        CHECK(requeue().rejected == 1);
        CHECK(all_rejected() == before);
    }
    CHECK(jobs().empty());
}

TEST_CASE_FIXTURE(Fixture, "a line that is bad in another way gets the new reason, and is there once") {
    write("rejected/a.q", "# x.q:9:16: found node 'n9', expected a node of the configuration (n1)\n"
                          "upload a 7 one 1\nupload b 7 1 1\n");
    const queue::Requeued result = requeue();
    CHECK(result.jobs == 1);
    CHECK(result.rejected == 1);
    REQUIRE(reasons.size() == 1);
    CHECK(all_rejected() == "# " + reasons.front() + "\nupload a 7 one 1\n");
    CHECK(reasons.front().find("/rejected/a.q:2:12: found 'one'") != std::string::npos);
    requeue();
    CHECK(all_rejected().find("upload a 7 one 1") == all_rejected().rfind("upload a 7 one 1"));
}

TEST_CASE_FIXTURE(Fixture, "a line of any length stays whole") {
    const std::string monster = "store " + std::string(300000, 'x');
    write("rejected/a.q", monster + "\nstore b 1 1\n");
    CHECK(requeue().jobs == 1);
    CHECK(all_rejected().find("\n" + monster + "\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a file that somebody writes to is not taken away") {
    write("rejected/a.q", "store b 1 1\n");
    std::ofstream writer(path("rejected/a.q"), std::ios::app);
    CHECK(requeue().jobs == 1);
    writer << "store c 1 1\n";
    writer.close();
    CHECK(requeue().jobs == 1);
    CHECK(jobs().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "more files and lines than a group holds") {
    for (int i = 0; i < 300; ++i)
        write("rejected/" + std::to_string(1000 + i) + ".q", "store a 1 1\nstore\n");
    std::string many;
    for (int i = 0; i < 9000; ++i)
        many += "store b" + std::to_string(i) + " 1 1\n";
    write("rejected/many.q", many);
    const queue::Requeued result = requeue();
    CHECK(result.jobs == 9300);
    CHECK(result.rejected == 300);
    CHECK(jobs().size() == 9300);
    CHECK(spool.rejected_files().size() < 10); // the bad lines stand together now
    CHECK(requeue().rejected == 300);
}
