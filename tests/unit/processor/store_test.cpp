// store on nodes that are directories: what becomes of each kind of job.
#include "base/file_system.hpp"
#include "processor/copy_name.hpp"
#include "processor/dry_run.hpp"
#include "processor/file_space.hpp"
#include "processor/sending_log.hpp"
#include "processor/store_work.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

using namespace nodespool;
using processor::Result;
using test::World;

namespace fs = std::filesystem;

TEST_CASE("an upload is stored, recorded and taken away") {
    World world;
    world.upload("in/a b", "content");
    world.queue("1.q", world.upload_line("in/a b") + "\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::done) == 1);
    CHECK(world.stored("in/a b") == "content");
    CHECK(world.link("in/a b")->checksum ==
          "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73");
    CHECK(world.in_file_space().empty());
    CHECK(world.jobs().empty());
    CHECK(world.temporaries().empty());
}

TEST_CASE("keep-local and release-at-copies leave the file where it is") {
    World world;
    SUBCASE("keep-local") {
        world.cluster.keep_local = processor::KeepLocal::yes;
    }
    SUBCASE("two copies wanted before it goes") {
        world.cluster.release_at_copies = 2;
    }
    world.upload("a", "x");
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    CHECK(world.stored("a") == "x");
    CHECK(world.in_file_space() == std::vector<std::string>{"a"});
    CHECK(world.jobs().empty());
}

TEST_CASE("a job is valid for the version it speaks of") {
    World world;
    const base::Timestamp time{1000000000, 123456789};
    world.upload("a", "four", time);
    const auto outcome = [&](const std::string& line) {
        world.queue("1.q", line + "\n");
        const auto summary = world.store([](auto& options) { options.lanes = 1; });
        return summary.count(Result::done) == 1    ? "done"
               : summary.count(Result::stale) == 1 ? "stale"
                                                   : "other";
    };
    SUBCASE("another size") {
        CHECK(outcome("store a 5 1000000000.123456789") == std::string("stale"));
    }
    SUBCASE("another time") {
        CHECK(outcome("store a 4 1000000000.123456788") == std::string("stale"));
    }
    SUBCASE("the time to the second") {
        CHECK(outcome("store a 4 1000000000") == std::string("done"));
    }
    SUBCASE("the time cut, not rounded") {
        CHECK(outcome("store a 4 1000000000.1234567") == std::string("done"));
    }
    SUBCASE("a time that was rounded up") {
        CHECK(outcome("store a 4 1000000000.12346") == std::string("stale"));
    }
    SUBCASE("store wants its very time") {
        CHECK(outcome("store a 4 1000000001") == std::string("stale"));
    }
    SUBCASE("upload allows an earlier one") {
        CHECK(outcome("upload a 0 4 1000000001") == std::string("done"));
    }
    SUBCASE("but not a later one") {
        CHECK(outcome("upload a 0 4 999999999") == std::string("stale"));
    }
}

TEST_CASE("links, directories and FIFOs are never stored") {
    World world;
    world.upload("real", "secret");
    fs::create_symlink("real", world.cluster.files + "/link");
    fs::create_directory(world.cluster.files + "/dir");
    fs::create_directory_symlink(world.root(), world.cluster.files + "/out");
    world.queue("1.q", "store link 6 1\nstore dir 4096 1\nstore out/.cluster.conf 1 1\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::stale) == 3);
    CHECK(world.on_node("n1").empty());
    CHECK(world.on_node("n2").empty());
}

TEST_CASE("a file that somebody writes to waits") {
    World world;
    world.upload("a", "half");
    world.queue("1.q", world.upload_line("a") + "\n");
    {
        const std::ofstream writer(world.cluster.files + "/a", std::ios::app);
        CHECK(world.store().count(Result::resubmitted) == 1);
    }
    REQUIRE(world.jobs().size() == 1);
    CHECK(world.jobs().front().find("not-before=") != std::string::npos);
    CHECK(world.in_file_space() == std::vector<std::string>{"a"});
    CHECK_FALSE(world.link("a"));
}

TEST_CASE("a new version replaces the old one, whose copy is left to remove") {
    World world;
    world.upload("a", "one");
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    const auto old = world.link("a")->servers.front();
    world.upload("a", "two two");
    world.queue("2.q", world.upload_line("a") + "\n");
    world.store();
    CHECK(world.stored("a") == "two two");
    CHECK(world.jobs() == std::vector<std::string>{"remove " + old.node + " " + old.name + " 3 path=a"});
}

TEST_CASE("the same version once more is compared, not sent") {
    World world;
    const base::Timestamp time{1000000000, 0};
    world.upload("a", "same", time);
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    const auto before = world.link("a")->servers;
    SUBCASE("with the same content it goes away") {
        world.upload("a", "same", time);
        world.queue("2.q", world.upload_line("a") + "\n");
        CHECK(world.store().count(Result::already_done) == 1);
        CHECK(world.link("a")->servers == before);
        CHECK(world.in_file_space().empty());
        CHECK(world.jobs().empty());
    }
    SUBCASE("with other content of the same size and time it is a new version") {
        world.upload("a", "else", time);
        world.queue("2.q", world.upload_line("a") + "\n");
        CHECK(world.store().count(Result::done) == 1);
        CHECK(world.stored("a") == "else");
        CHECK(world.jobs().size() == 1);
    }
}

TEST_CASE("without checksums a second upload of the same size and time is stored again") {
    World world;
    world.cluster.checksum = base::ChecksumKind::none;
    const base::Timestamp time{1000000000, 0};
    for (const char* content : {"same", "else"}) {
        world.upload("a", content, time);
        world.queue("1.q", world.upload_line("a") + "\n");
        CHECK(world.store().count(Result::done) == 1);
        CHECK(world.stored("a") == content);
    }
}

TEST_CASE("node lists are obeyed") {
    World world;
    for (const char* name : {"a", "b", "c", "d"})
        world.upload(name, name);
    world.queue("1.q", world.upload_line("a") + " n2\n" + world.upload_line("b") + " -n1\n" +
                           world.upload_line("c") + " n1,n2 -n1\n" + world.upload_line("d") + " n9\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::done) == 3);
    CHECK(summary.count(Result::rejected) == 1);
    CHECK(world.on_node("n1").empty());
    CHECK(world.on_node("n2").size() == 3);
    CHECK(world.rejected().find("found node 'n9', expected a node of the configuration (n1, n2)") !=
          std::string::npos);
}

TEST_CASE("a node that fails is passed over; when none is left the job waits with its history") {
    World world;
    fs::remove(world.root() + "/n1");
    world.upload("a", "a");
    world.upload("b", "b");
    world.queue("1.q", world.upload_line("a") + "\n" + world.upload_line("b") + " n1 attempts=4 since=77\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::done) == 1);
    CHECK(summary.count(Result::resubmitted) == 1);
    CHECK(world.stored("a") == "a");
    REQUIRE(world.jobs().size() == 1);
    const std::string line = world.jobs().front();
    CHECK(std::regex_search(line, std::regex(" n1 attempts=5 since=77 not-before=[0-9.]+$")));
    const auto job = queue::parse_job(line, {}, nullptr);
    const double wait_s = base::seconds_between(base::system_clock().now(), job.not_before.value());
    CHECK(wait_s > 16 * 60 * 0.8 - 60);
    CHECK(wait_s < 16 * 60 * 1.2);
}

TEST_CASE("a path below a stored file waits, saying so") {
    World world;
    world.upload("a", "file");
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    world.upload("a/b", "below");
    world.queue("2.q", world.upload_line("a/b") + "\n");
    CHECK(world.store().count(Result::resubmitted) == 1);
    CHECK(world.in_file_space() == std::vector<std::string>{"a/b"});
    CHECK(world.jobs().size() == 1);
}

TEST_CASE("a link file that cannot be read stops its own file only") {
    World world;
    world.upload("a", "a");
    world.upload("b", "b");
    test::write_file(world.root() + "/.links/a", "garbage\n");
    world.queue("1.q", world.upload_line("a") + "\n" + world.upload_line("b") + "\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::done) == 1);
    CHECK(summary.count(Result::resubmitted) == 1);
    CHECK(summary.io_error);
    CHECK(world.stored("b") == "b");
    CHECK(test::read_file(world.root() + "/.links/a") == "garbage\n");
}

TEST_CASE("lines that are not for now, or not for store, stay as they are") {
    World world;
    world.upload("a", "a");
    const std::string text = world.upload_line("a") + " not-before=99999999999\nremove n1 x 1\n";
    world.queue("1.q", text);
    const auto summary = world.store();
    CHECK(summary.deferred == 1);
    CHECK(summary.ended.empty());
    CHECK(test::read_file(world.root() + "/.queue/1.q") == text);
}

TEST_CASE("--only and --max-jobs leave the rest in the queue") {
    World world;
    std::string text;
    for (const char* name : {"a.txt", "b.jpg", "c.txt"}) {
        world.upload(name, name);
        text += world.upload_line(name) + "\n";
    }
    world.queue("1.q", text);
    SUBCASE("only") {
        CHECK(world.store([](auto& options) { options.only = "*.jpg"; }).count(Result::done) == 1);
        CHECK(world.jobs().size() == 2);
        CHECK(world.stored("b.jpg") == "b.jpg");
    }
    SUBCASE("max-jobs") {
        CHECK(world.store([](auto& options) { options.max_jobs = 2; }).count(Result::done) == 2);
        CHECK(world.jobs().size() == 1);
    }
}

TEST_CASE("round robin is even over many files, whatever the lanes") {
    World world;
    std::string text;
    for (int i = 0; i < 301; ++i) {
        const std::string name = "f" + std::to_string(i);
        world.upload(name, std::string(static_cast<std::size_t>(i) * 10, 'x'));
        text += world.upload_line(name) + "\n";
    }
    world.queue("1.q", text);
    unsigned lanes = 1;
    SUBCASE("one lane") {}
    SUBCASE("eight lanes") {
        lanes = 8;
    }
    world.store([&](auto& options) { options.lanes = lanes; });
    CHECK(world.on_node("n1").size() == 151);
    CHECK(world.on_node("n2").size() == 150);
    CHECK(world.jobs().empty());
}

TEST_CASE("what dead processes began to send is taken from the nodes") {
    World world;
    world.upload("a", "kept");
    world.queue("1.q", world.upload_line("a") + "\n");
    world.store();
    const auto kept = world.link("a")->servers.front();
    test::write_file(world.root() + "/n1/07/08/torn", "half");
    test::write_file(world.root() + "/.state/sending-h-1-x.log",
                     "n1 07/08/torn b 10 1.000000000\n" + kept.node + " " + kept.name +
                         " a 4 1.000000000\n#2 1/2/settled c 1 1.0\nn1 9/9/never b 1 1.0\nn1 cut");
    world.store();
    CHECK_FALSE(fs::exists(world.root() + "/n1/07/08/torn"));
    CHECK(world.stored("a") == "kept");
    CHECK(world.temporaries().empty());
    CHECK(world.jobs().empty());
}

TEST_CASE("where a node cannot be asked, what was left on it becomes a remove job") {
    World world;
    fs::remove(world.root() + "/n1");
    test::write_file(world.root() + "/.state/sending-h-1-x.log", "n1 07/08/torn b%20c 10 1.000000000\n");
    world.store();
    CHECK(world.jobs() == std::vector<std::string>{"remove n1 07/08/torn 10 path=b%20c"});
}

TEST_CASE("a dry run says what would happen and changes nothing") {
    World world;
    world.upload("a", "a");
    world.queue("1.q",
                world.upload_line("a") + "\nstore b 1 1\nnonsense\nstore c 1 1 not-before=99999999999\n");
    const auto before = fs::last_write_time(world.root());
    const auto spool = queue::Spool::open_existing(world.root(), base::system_clock());
    const auto catalog = catalog::Catalog::open_existing(world.root());
    processor::StoreWork work(world.cluster, spool, catalog, std::nullopt, [] { return base::Stop::no; });
    std::vector<std::string> said;
    processor::dry_run(world.cluster, spool, work, {}, [&](const processor::Intention& intention) {
        said.push_back(intention.what + " " + intention.path + " " + intention.node);
    });
    CHECK(said == std::vector<std::string>{"store a n1", "drop b ", "reject  ", "wait c "});
    CHECK(fs::last_write_time(world.root()) == before);
    CHECK_FALSE(fs::exists(world.root() + "/.links"));
    CHECK_FALSE(fs::exists(world.root() + "/.state"));
}

TEST_CASE("the name of a copy is random, dated and readable") {
    const std::string name = processor::copy_name("d/Bericht für 2026.tar.gz", {1795205703, 0}, 0x9f2c1a77U);
    CHECK(std::regex_match(
        name, std::regex("[0-6][0-9]/[0-6][0-9]/20261120-201503-000000009f2c1a77-Bericht_f__r_2026.tar.gz")));
    const std::string longest = processor::copy_name(std::string(250, 'x') + ".jpeg", {0, 0}, 1);
    CHECK(longest.substr(39).size() == 100);
    CHECK(longest.ends_with("x.jpeg"));
}

TEST_CASE("odd entries in the spool stop nothing") {
    World world;
    world.upload("a", "a");
    world.queue("5.q", world.upload_line("a") + "\n");
    fs::create_symlink("/nonexistent", world.root() + "/.queue/0-link.q");
    fs::create_symlink("5.q", world.root() + "/.queue/1-link.q");
    fs::create_directory(world.root() + "/.queue/2-dir.q");
    fs::create_symlink("/nonexistent", world.root() + "/.queue/.x.done");
    REQUIRE(::mkfifo((world.root() + "/.queue/3-fifo.q").c_str(), 0600) == 0);
    CHECK(world.store().count(Result::done) == 1);
    CHECK(world.stored("a") == "a");
    CHECK(world.jobs().empty());
}

TEST_CASE("a queue file with the longest name there is, is worked off") {
    World world;
    world.upload("a", "a");
    world.queue(std::string(253, 'q') + ".q", world.upload_line("a") + "\n");
    const auto summary = world.store();
    CHECK(summary.count(Result::done) == 1);
    CHECK_FALSE(summary.io_error);
    CHECK(world.jobs().empty());
    CHECK(world.temporaries().empty());
}

TEST_CASE("jobs that only a node far behind may take are all done in one run, and counted once") {
    World world;
    std::string text;
    constexpr int k_jobs = 4400; // more than any backlog holds
    for (int i = 0; i < k_jobs; ++i) {
        const std::string name = "f" + std::to_string(i);
        world.upload(name, "");
        text += world.upload_line(name) + " n1\n";
    }
    world.queue("1.q", text);
    const auto summary = world.store([&](auto& options) {
        options.lanes = 8;
        options.max_jobs = k_jobs;
    });
    CHECK(summary.count(Result::done) == k_jobs);
    CHECK(summary.ended.size() == 1);
    CHECK(world.jobs().empty());
}

TEST_CASE("a hidden file without a link file is found when its name is needed, and not lost") {
    World world;
    world.upload("d/" + processor::hidden_name("d/a"), "what was hidden");
    world.upload("d/a", "new");
    world.queue("1.q", world.upload_line("d/a") + "\n");
    world.store();
    CHECK(world.stored("d/a") == "new");
    world.store(); // the job that was queued for the hidden one
    std::set<std::string> contents;
    for (const char* node : {"n1", "n2"})
        for (const auto& [name, content] : world.on_node(node))
            contents.insert(content);
    CHECK(contents == std::set<std::string>{"new", "what was hidden"});
    CHECK(world.in_file_space().empty());
    CHECK(world.jobs().empty());
}

TEST_CASE("lines in the air are bounded in bytes, and all are worked off") {
    World world;
    std::string text;
    const std::string filler(60000, 'x');
    for (int i = 0; i < 300; ++i) // 18 MB of lines
        text += "store gone" + std::to_string(i) + " 1 1 note=" + filler + "\n";
    world.queue("1.q", text);
    CHECK(world.store().count(Result::stale) == 300);
    CHECK(world.jobs().empty());
}
