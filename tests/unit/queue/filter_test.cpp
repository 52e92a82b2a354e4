// queue filter: a policy program sees the jobs, and only what it wrote in full takes their place.
#include "base/error.hpp"
#include "queue/filter.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace nodespool;
using Lines = std::vector<std::string>;

namespace {

struct Fixture : test::SpoolFixture {
    queue::PolicyTotals filter(const std::string& script) {
        queue::PolicyTotals totals;
        filter(script, totals);
        return totals;
    }
    void filter(const std::string& script, queue::PolicyTotals& totals) {
        queue::filter_jobs(
            spool, selection, policy(script), totals,
            [&](const std::string& reason) { bad.push_back(reason); }, limits);
    }
    queue::Policy policy(const std::string& script) {
        return {{"sh", "-c", script}, {"LAB=" + dir.path()}, &known, drops};
    }
    /// What the program fails with; the queue must be as it was.
    std::string failure(const std::string& script) {
        const Lines jobs_before = jobs();
        const Lines names_before = names();
        try {
            filter(script);
        } catch (const base::Error& error) {
            CHECK(jobs() == jobs_before);
            CHECK(names() == names_before);
            return error.what();
        }
        FAIL("it did not fail: " << script);
        return {};
    }

    queue::NodeNames known{"n1", "n2"};
    queue::Selection selection;
    queue::Drops drops = queue::Drops::refused;
    queue::BatchLimits limits = queue::k_policy_batch;
    Lines bad;
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "jobs come back as the program wrote them, with their history") {
    write("20261120-201503.123456-h-1-1.q",
          "# tried\nupload a 7 1 1 attempts=2 since=5\nupload b 7 2 2\nstore c 1 1\n");
    const queue::PolicyTotals totals =
        filter("echo '# a remark'; awk '{ $5 = $5 \" n1\"; print; print \"\" }'");
    CHECK(totals.jobs_in == 2);
    CHECK(totals.jobs_out == 2);
    CHECK(jobs() == Lines{"store c 1 1", "upload a 7 1 1 n1 attempts=2 since=5",
                          "upload b 7 2 2 n1 since=1795205703.000000000"});
}

TEST_CASE_FIXTURE(Fixture, "the program sees due jobs of the keyword; deferred ones where asked") {
    write("a.q", "upload a 7 1 1 since=5\nstore b 1 1\nupload c 7 1 1 since=5 not-before=99999999999\n");
    filter("tee \"$LAB/seen\"");
    CHECK(test::read_file(dir / "seen") == "upload a 7 1 1 since=5\n");
    selection.deferred = queue::Deferred::include;
    filter("sort | tee \"$LAB/seen\"");
    CHECK(test::read_file(dir / "seen") ==
          "upload a 7 1 1 since=5\nupload c 7 1 1 since=5 not-before=99999999999\n");
}

TEST_CASE_FIXTURE(Fixture, "each priority is filtered by itself, and kept") {
    write("0-a.q", "upload a 0 1 1\n");
    write("0-b.q", "upload b 0 1 1\n");
    write("m.q", "upload m 0 1 1\n");
    write("9-z.q", "upload z 0 1 1\n");
    filter("cat; echo run >>\"$LAB/runs\"");
    CHECK(test::read_file(dir / "runs") == "run\nrun\nrun\n");
    REQUIRE(names().size() == 3);
    CHECK(names()[0].starts_with("0-2"));
    CHECK(names()[1].starts_with("2"));
    CHECK(names()[2].starts_with("9-2"));
    const Lines after = jobs();
    REQUIRE(after.size() == 4);
    CHECK(after[1].starts_with("upload b "));
    CHECK(after[2].starts_with("upload m "));
}

TEST_CASE_FIXTURE(Fixture, "a program that fails changes nothing, whatever it wrote") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\n");
    CHECK(failure("cat; exit 3") == "sh: exit status 3");
    CHECK(failure("cat; kill -TERM $$") == "sh: killed by signal 15");
    CHECK(failure("exit 1") == "sh: exit status 1");
    CHECK(failure("echo upload a 0 1 1; echo upload b 0 1 1").find("did not read all") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a program that is not there, or may not be run, is a wrong command line") {
    write("a.q", "upload a 0 1 1\n");
    test::write_file(dir / "plain", "no program");
    for (const std::string& name : {std::string("nodespool-no-such-program"), dir / "plain"}) {
        queue::PolicyTotals totals;
        queue::Policy wrong = policy("");
        wrong.command = {name};
        try {
            queue::filter_jobs(spool, selection, wrong, totals, [](const std::string&) {});
            FAIL("it ran");
        } catch (const base::Error& error) {
            CHECK(error.error_class() == base::ErrorClass::usage);
            CHECK(std::string(error.what()).find(name) != std::string::npos);
        }
        CHECK(names() == Lines{"a.q"});
    }
}

TEST_CASE_FIXTURE(Fixture, "a bad line in the output changes nothing, and the message names it") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\n");
    CHECK(failure("cat; echo stroe a 1 1").starts_with("output of sh:3:1: found keyword 'stroe'"));
    CHECK(failure("awk '{ $5 = $5 \" n9\"; print }'").find(":1:16: found node 'n9'") != std::string::npos);
    CHECK(failure("cat; printf 'upload ../x 0 1 1'").starts_with("output of sh:3:8:"));
    CHECK(failure("cat; head -c 100000 /dev/zero | tr '\\0' x").find("expected") != std::string::npos);
    CHECK(failure("cat; head -c 100000 /dev/zero | tr '\\0' '#'").find("without end") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a job that the program leaves out stays, unless it may be dropped") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\nupload c 0 1 1\n");
    CHECK(failure("grep -v ' [bc] '").find("for 2 of the files, as of 'upload b 0 1 1 since=") !=
          std::string::npos);
    CHECK(failure("cat >/dev/null").find("for 3 of the files") != std::string::npos);
    drops = queue::Drops::allowed;
    CHECK(filter("grep -v ' [bc] '").dropped == 2);
    CHECK(jobs().size() == 1);
    CHECK(filter("cat >/dev/null").dropped == 1);
    CHECK(names().empty());
}

TEST_CASE_FIXTURE(Fixture, "one job may become several, of any keyword, and two of one file one") {
    write("a.q", "upload a 0 1 1 since=5\nupload a 0 2 2 since=5\nupload b 0 3 3 since=5\n");
    filter("awk '$2 == \"b\" || $4 == 2 { print \"store\", $2, $4, $5, \"n1\"; print \"replicate\", $2, $4, "
           "$5 }'");
    CHECK(jobs() == Lines{"store a 2 2 n1", "replicate a 2 2", "store b 3 3 n1", "replicate b 3 3"});
}

TEST_CASE_FIXTURE(Fixture, "no due job: the program is not started") {
    write("a.q", "store a 1 1\n");
    filter("touch \"$LAB/ran\"");
    CHECK_FALSE(std::filesystem::exists(dir / "ran"));
}

TEST_CASE_FIXTURE(Fixture,
                  "many jobs go through in several runs; one that fails leaves those before it done") {
    std::string text;
    for (int i = 0; i < 25; ++i)
        text += "upload f" + std::to_string(100 + i) + " 0 1 1 since=5\n";
    write("a.q", text);
    limits.jobs = 10;
    queue::PolicyTotals totals;
    CHECK_THROWS_AS(filter("sed 's/^upload f10/upload g10/; s/ 0 1 1 / 0 1 1 n1 /' | tee -a \"$LAB/out\"; "
                           "[ $(wc -l <\"$LAB/out\") -lt 20 ]",
                           totals),
                    queue::PolicyError);
    // The first ten were renamed, which is to drop them: nothing was done at all.
    CHECK(totals.jobs_in == 0);
    CHECK(jobs().size() == 25);
    CHECK_THROWS_AS(
        filter("sed 's/ 0 1 1 / 0 1 1 n1 /' | tee -a \"$LAB/two\"; [ $(wc -l <\"$LAB/two\") -lt 20 ]",
               totals),
        queue::PolicyError);
    CHECK(totals.jobs_in == 10);
    const Lines after = jobs();
    CHECK(after.size() == 25);
    CHECK(std::count_if(after.begin(), after.end(),
                        [](const std::string& line) { return line.find(" n1 ") != line.npos; }) == 10);
    CHECK(std::set<std::string>(after.begin(), after.end()).size() == 25);
}

TEST_CASE_FIXTURE(Fixture, "what somebody changes while the program runs is kept, and nothing else is done") {
    write("a.q", "upload a 0 1 1\nupload b 0 1 1\n");
    CHECK_THROWS_AS(filter("cat; printf 'upload a 0 5 5\\nupload b 0 1 1\\n' >\"$LAB/.queue/a.q\""),
                    queue::PolicyError);
    CHECK(jobs() == Lines{"upload a 0 5 5", "upload b 0 1 1"});
    CHECK(names() == Lines{"a.q"});
}

TEST_CASE_FIXTURE(Fixture, "bad lines are not shown to the program: they stay, and are told") {
    write("a.q", "upload a 0 x 1\nupload b 0 1 1 since=5\n");
    CHECK(filter("cat").jobs_in == 1);
    CHECK(bad.size() == 1);
    CHECK(jobs().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a preview runs the program and changes nothing") {
    write("0-a.q", "upload a 0 1 1 since=5\n");
    write("b.q", "upload b 0 1 1 since=5\nstore c 1 1\n");
    write("held/h.q", "upload h 0 1 1\n");
    const Lines before = jobs();
    queue::PolicyTotals totals;
    Lines out;
    queue::preview_filter(spool, selection, policy("awk '{ $5 = $5 \" n1\"; print }'"), totals,
                          [&](const queue::JobRecord& job) { out.push_back(queue::format_job(job)); });
    CHECK(out == Lines{"upload a 0 1 1 n1 since=5", "upload b 0 1 1 n1 since=5"});
    CHECK(totals.jobs_in == 2);
    CHECK(jobs() == before);
    CHECK(names() == Lines{"0-a.q", "b.q"});
}
