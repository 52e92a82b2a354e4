// The configuration: values, precedence, errors with file and line, and what is refused as unsafe.
#include "base/error.hpp"
#include "cli/config.hpp"
#include "support/configured_root.hpp"
#include "support/environment.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <utility>
#include <vector>

using namespace nodespool;
using cli::Passwords;
using test::ConfiguredRoot;
using test::EnvironmentVariable;
using test::TempDir;
using test::WorkingDirectory;
using test::write_file;

namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("an empty configuration has the documented defaults") {
    const ConfiguredRoot cluster("");
    const cli::Config config = cluster.load();
    CHECK(config.root == cluster.root());
    CHECK(config.files == cluster.root());
    CHECK(config.checksum == base::ChecksumKind::sha256);
    CHECK(config.keep_local == cli::KeepLocal::no);
    CHECK(config.release_at_copies == 1);
    CHECK(config.quiet == std::chrono::seconds(10));
    CHECK(config.log.kind == base::LogTarget::Kind::standard_error);
    CHECK_FALSE(config.jobs.has_value());
    CHECK(config.nodes.empty());
}

TEST_CASE("every key is read, comments and blanks are not, and a value may hold '#', ';' and '='") {
    const TempDir elsewhere;
    const std::string odd = elsewhere / "up #1 ; = 2";
    fs::create_directory(odd);
    const ConfiguredRoot cluster("# a comment = 1\r\n"
                                 "\t ; another\r\n"
                                 "\n"
                                 " [cluster] \n"
                                 "files = " +
                                 odd +
                                 "  \n"
                                 "checksum=xxh3\n"
                                 "keep-local = yes\n"
                                 "\trelease-at-copies\t=\t2\n"
                                 "quiet = 0\n"
                                 "jobs = 1024\n"
                                 "log = /var/log/nodespool #1.log\n"
                                 "[node.n1]\n"
                                 "url = ftp://cluster1@192.168.0.2:210/\n"
                                 "weight = 2\n"
                                 "connections = 256\n"
                                 "connect-timeout = 3\n"
                                 "stall-timeout = 30\n"
                                 "[node.n-2.x_Y]\n"
                                 "url = file:///mnt/disk3");
    const cli::Config config = cluster.load();
    CHECK(config.files == odd);
    CHECK(config.checksum == base::ChecksumKind::xxh3);
    CHECK(config.keep_local == cli::KeepLocal::yes);
    CHECK(config.release_at_copies == 2);
    CHECK(config.quiet == std::chrono::seconds(0));
    CHECK(config.jobs == 1024U);
    CHECK(config.log.kind == base::LogTarget::Kind::file);
    CHECK(config.log.path == "/var/log/nodespool #1.log");
    REQUIRE(config.nodes.size() == 2);
    CHECK(config.nodes[0].name == "n1");
    CHECK(config.nodes[0].user == "cluster1");
    CHECK(config.nodes[0].weight == 2);
    CHECK(config.nodes[0].connections == 256);
    CHECK(config.nodes[0].connect_timeout == std::chrono::seconds(3));
    CHECK(config.nodes[0].stall_timeout == std::chrono::seconds(30));
    CHECK(config.nodes[1].name == "n-2.x_Y");
}

TEST_CASE("a relative `files` is relative to the root, and paths come without symbolic links") {
    const ConfiguredRoot cluster("[cluster]\nfiles = in/uploads\n");
    fs::create_directories(cluster / "real");
    fs::create_directory_symlink("real", cluster / "in");
    fs::create_directory(cluster / "real/uploads");
    CHECK(cluster.load().files == cluster.root() + "/real/uploads");

    const TempDir elsewhere;
    fs::create_directory_symlink(cluster.root(), elsewhere / "link");
    CHECK(cli::load_config(elsewhere / "link", Passwords::needed).root == cluster.root());
}

TEST_CASE("a `files` that is missing or no directory is refused") {
    CHECK(contains(ConfiguredRoot("[cluster]\nfiles = none\n").refusal(), "(files) ROOT/none: No such file"));
    CHECK(contains(ConfiguredRoot("[cluster]\nfiles = .cluster.conf\n").refusal(),
                   "ROOT/.cluster.conf is no directory"));
}

TEST_CASE("a node's directory is neither in the file space nor around it") {
    const TempDir elsewhere;
    const auto refusal_of = [&](const std::string& directory) {
        const ConfiguredRoot cluster("[cluster]\nfiles = uploads\n[node.n1]\nurl = file://" + directory +
                                     "\n");
        fs::create_directories(cluster / "uploads/sub");
        fs::create_directories(cluster / "node");
        fs::remove(elsewhere / "link");
        fs::create_directory_symlink(cluster.root(), elsewhere / "link");
        return cluster.refusal();
    };
    const std::string root = elsewhere / "link"; // whoever follows it is at the root
    for (const std::string among : {"/uploads", "/uploads/sub", "/uploads/later", ""}) {
        const std::string refusal = refusal_of(root + among);
        CHECK_MESSAGE(refusal ==
                          "ROOT/.cluster.conf:3: found the directory ROOT" + among +
                              " for node n1, expected one that is not in the file space ROOT/uploads, and "
                              "holds neither that nor the cluster root",
                      refusal);
    }
    for (const char* apart : {"/node", "/uploads/.node", "/nowhere"})
        CHECK(refusal_of(root + apart) == "accepted");
}

TEST_CASE("errors name file and line, what was found and what was expected") {
    const std::string node = "[node.n1]\nurl = file:///n\n";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"files = x\n",
         "1: found the key 'files' before any section, expected [cluster] or [node.NAME] first"},
        {"[cluster]\n\nfoo = 1\n", "3: found the key 'foo', expected one of: files, checksum, keep-local, "
                                   "release-at-copies, quiet, jobs, log"},
        {"[cluster]\nche = none\n", "2: found the key 'che', expected one of: files"},
        {"[cluster]\nFiles = x\n", "2: found the key 'Files', expected one of"},
        {node + "password = x\n",
         "3: found the key 'password', expected one of: url, tls, tls-verify, ca-file, "
         "identity-file, known-hosts-file, ssh-config-file, password-file, netrc-file, "
         "password-command, weight, connections, connect-timeout, stall-timeout"},
        {"[cluster]\nnonsense\n", "2: found a line without '=', expected KEY = VALUE"},
        {"[cluster]\n= 3\n", "2: found nothing before '=', expected a key"},
        {"[cluster\n", "1: found a section without ']'"},
        {"[clusters]\n", "1: found section 'clusters', expected [cluster] or [node.NAME]"},
        {"[node.]\n", "1: found section 'node.', expected"},
        {"[node.-x]\nurl = file:///n\n", "1: found section 'node.-x', expected"},
        {"[node.a b]\n", "1: found section (a name of other characters), expected"},
        {"[cluster]\n[cluster]\n",
         "2: found section 'cluster' again, expected one such section; the first is on line 1"},
        {node + node, "3: found section 'node.n1' again"},
        {"[cluster]\nquiet = 1\nquiet = 1\n",
         "3: found the key 'quiet' again, expected it once in a section; the first is on line 2"},
        {"[cluster]\nchecksum = md5\n", "2: found checksum = 'md5', expected none, sha256 or xxh3"},
        {"[cluster]\nchecksum = sha256 ; strong\n", "2: found checksum = 'sha256 ; strong', expected"},
        {"[cluster]\nkeep-local = maybe\n", "2: found keep-local = 'maybe', expected yes or no"},
        {"[cluster]\nrelease-at-copies = 0\n",
         "2: found release-at-copies = '0', expected a number from 1 to"},
        {"# why\n[cluster]\nchecksum = none\nrelease-at-copies = 2\n",
         "2: found release-at-copies = 2 with checksum = none, expected checksum = sha256 or xxh3"},
        {"[cluster]\nquiet = -1\n", "2: found quiet = '-1', expected a number from 0 to"},
        {"[cluster]\nquiet = 1s\n", "2: found quiet = '1s', expected a number"},
        {"[cluster]\njobs = 1025\n", "2: found jobs = '1025', expected a number from 1 to 1024"},
        {"[cluster]\nlog = var/log\n", "2: found log = 'var/log', expected stderr, syslog or"},
        {"[cluster]\nfiles =\n", "2: found files = '', expected a value"},
        {"[node.n1]\nweight = 1\n", "1: found [node.n1] without url, expected url ="},
        {node + "weight = 1001\n", "3: found weight = '1001', expected a number from 1 to 1000"},
        {node + "connections = 257\n", "3: found connections = '257', expected a number from 1 to 256"},
        {node + "connect-timeout = 0\n", "3: found connect-timeout = '0', expected a number from 1"},
        {node + "stall-timeout = x\n", "3: found stall-timeout = 'x', expected a number from 1"},
        {"[node.n1]\nurl =\n", "2: found url = a bad value, expected a value"},
        {std::string("[cluster]\nfiles = a\0b\n", 22), "2: found the control byte 0x00, expected plain text"},
        {"[cluster]\nfiles = a\x1b[31m\n", "2: found the control byte 0x1B, expected plain text"},
        {"[cluster]\nfiles = a\rb\n", "2: found the control byte 0x0D, expected plain text"}};
    for (const auto& [text, message] : cases) {
        const std::string refusal = ConfiguredRoot(text).refusal();
        CHECK_MESSAGE(refusal.starts_with("ROOT/.cluster.conf:" + message), refusal);
    }
}

TEST_CASE("a bad url is located, and no message holds a password") {
    const std::string refusal =
        ConfiguredRoot("[node.n1]\nweight = 1\nurl = gopher://me:hunter2@host/\n", 0600).refusal();
    CHECK(refusal.starts_with("ROOT/.cluster.conf:3: "));
    for (const char* text :
         {"[node.n1]\nurl = gopher://me:hunter2@host/\n", "[node.n1]\nurl ftp://me:hunter2@host/\n",
          "[node.n1]\nftp://me:hunter2@host/?a=b\n", "[node.n1]\nurl = ftp://me:hunter2@/\n",
          "[node.n1]\nurl = ftp://me:hunter2@host:99999/\n"}) {
        const std::string message = ConfiguredRoot(text, 0600).refusal();
        CHECK(message != "accepted");
        CHECK_FALSE_MESSAGE(contains(message, "hunter2"), message);
    }
}

TEST_CASE("the environment goes before the file, an empty variable is none, foreign ones are ignored") {
    const ConfiguredRoot cluster(
        "[cluster]\nchecksum = none\nquiet = 5\njobs = 2\nlog = syslog\nkeep-local = no\n");
    fs::create_directory(cluster / "in");
    const EnvironmentVariable checksum("NODESPOOL_CHECKSUM", "xxh3");
    const EnvironmentVariable files("NODESPOOL_FILES", "in");
    const EnvironmentVariable keep_local("NODESPOOL_KEEP_LOCAL", "yes");
    const EnvironmentVariable copies("NODESPOOL_RELEASE_AT_COPIES", "3");
    const EnvironmentVariable quiet("NODESPOOL_QUIET", "");
    const EnvironmentVariable jobs("NODESPOOL_JOBS", "7");
    const EnvironmentVariable log("NODESPOOL_LOG", "stderr");
    const EnvironmentVariable foreign("NODESPOOL_SOMETHING", "else");
    const cli::Config config = cluster.load();
    CHECK(config.checksum == base::ChecksumKind::xxh3);
    CHECK(config.files == cluster / "in");
    CHECK(config.keep_local == cli::KeepLocal::yes);
    CHECK(config.release_at_copies == 3);
    CHECK(config.quiet == std::chrono::seconds(5));
    CHECK(config.jobs == 7U);
    CHECK(config.log.kind == base::LogTarget::Kind::standard_error);
}

TEST_CASE("a bad value in the environment names the variable, and does not hide one in the file") {
    const ConfiguredRoot good("[cluster]\njobs = 2\n");
    {
        const EnvironmentVariable jobs("NODESPOOL_JOBS", "many");
        CHECK(good.refusal() ==
              "the environment variable NODESPOOL_JOBS: found 'many', expected a number from 1 to 1024");
    }
    const EnvironmentVariable jobs("NODESPOOL_JOBS", "4");
    CHECK(contains(ConfiguredRoot("[cluster]\njobs = x\n").refusal(), ":2: found jobs = 'x'"));
}

TEST_CASE("the root is -C, else $NODESPOOL_ROOT, else the working directory where it has a configuration") {
    const ConfiguredRoot first("");
    const ConfiguredRoot second("");
    const TempDir bare;
    const EnvironmentVariable none("NODESPOOL_ROOT", "");
    {
        const WorkingDirectory inside(first.root());
        CHECK(cli::load_config("", Passwords::needed).root == first.root());
        CHECK(cli::load_config(second.root(), Passwords::needed).root == second.root());
        const EnvironmentVariable root("NODESPOOL_ROOT", second.root());
        CHECK(cli::load_config("", Passwords::needed).root == second.root());
        CHECK(cli::load_config(".", Passwords::needed).root == first.root());
    }
    const WorkingDirectory outside(bare.path());
    CHECK_THROWS_WITH_AS(
        (void)cli::load_config("", Passwords::needed),
        "no cluster: the current directory has no .cluster.conf; name the cluster root with -C DIR or "
        "$NODESPOOL_ROOT",
        base::Error);
    CHECK_THROWS_WITH_AS(
        (void)cli::load_config(bare.path(), Passwords::needed),
        (bare.path() + "/.cluster.conf does not exist: make it, see nodespool.conf(5)").c_str(), base::Error);
    const EnvironmentVariable root("NODESPOOL_ROOT", bare / "none");
    CHECK_THROWS_AS((void)cli::load_config("", Passwords::needed), base::Error);
}

TEST_CASE("a configuration, root, spool or state that everybody can write to is refused with path, mode and "
          "remedy") {
    const ConfiguredRoot conf("", 0646);
    CHECK(contains(conf.refusal(), "ROOT/.cluster.conf (owner "));
    CHECK(contains(conf.refusal(),
                   ", mode 0646) can be written by everybody: refused; run: chmod o-w ROOT/.cluster.conf"));

    const ConfiguredRoot root("");
    fs::permissions(root.root(), static_cast<fs::perms>(0757));
    CHECK(contains(root.refusal(), "ROOT (owner "));
    CHECK(contains(root.refusal(), "mode 0757"));
    fs::permissions(root.root(), static_cast<fs::perms>(0750));

    const ConfiguredRoot spool("");
    fs::create_directory(spool / ".queue");
    fs::permissions(spool / ".queue", static_cast<fs::perms>(02770));
    CHECK(spool.refusal() == "accepted");
    fs::permissions(spool / ".queue", static_cast<fs::perms>(02777));
    CHECK(contains(spool.refusal(), "ROOT/.queue (owner "));
    CHECK(contains(spool.refusal(), "mode 2777"));

    for (const std::string name : {".links", ".deleted", ".state"}) {
        const ConfiguredRoot cluster("");
        fs::create_directory(cluster / name);
        CHECK(cluster.refusal() == "accepted");
        fs::permissions(cluster / name, static_cast<fs::perms>(01777)); // a sticky bit is no excuse
        CHECK(contains(cluster.refusal(), "ROOT/" + name + " (owner "));
    }
}
