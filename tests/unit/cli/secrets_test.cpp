// Passwords from outside the configuration: the netrc format, and commands.
#include "base/error.hpp"
#include "cli/netrc.hpp"
#include "cli/secrets.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace nodespool;
using cli::Login;
using cli::login_from_netrc;
using cli::parse_netrc;
using test::TempDir;
using test::write_file;

namespace fs = std::filesystem;

namespace {

std::string refusal_of(const auto& call) {
    try {
        call();
    } catch (const base::Error& error) {
        CHECK(error.error_class() == base::ErrorClass::config);
        return error.what();
    }
    return "accepted";
}

class Netrc {
  public:
    explicit Netrc(const std::string& text) : m_path(m_dir / "netrc") {
        write_file(m_path, text);
        fs::permissions(m_path, fs::perms::owner_read);
    }
    [[nodiscard]] Login login(const std::string& host, const std::string& user = "") const {
        return login_from_netrc(m_path, host, user);
    }
    [[nodiscard]] std::string refusal(const std::string& host, const std::string& user = "") const {
        const std::string start = "the netrc file " + m_path + " ";
        const std::string message = refusal_of([&] { (void)login(host, user); });
        CHECK(message.starts_with(start));
        return message.substr(start.size());
    }

  private:
    TempDir m_dir;
    std::string m_path;
};

} // namespace

TEST_CASE("netrc entries may stand on one line or on many, in any order, quoted or not") {
    const auto entries = parse_netrc("# mine\n"
                                     "machine a login u1 password p1 machine b\r\n"
                                     "\tpassword \"p 2\\\"\\\\\\t\" # \"not the end\n"
                                     "  login \"\"\n"
                                     "machine c account x login u3 password #p3\n"
                                     "default login anonymous password me@here");
    REQUIRE(entries.size() == 4);
    CHECK(entries[0].line == 2);
    CHECK(entries[0].machine == "a");
    CHECK(entries[0].login == "u1");
    CHECK(entries[0].password == "p1");
    CHECK(entries[1].machine == "b");
    CHECK(entries[1].login.empty());
    CHECK(entries[1].password == "p 2\"\\\t");
    CHECK(entries[2].line == 5);
    CHECK(entries[2].login == "u3");
    CHECK(entries[2].password == "#p3");
    CHECK(entries[3].machine.empty());
    CHECK(entries[3].login == "anonymous");
    CHECK(entries[3].password == "me@here");
    CHECK(parse_netrc("").empty());
    CHECK(parse_netrc("\n# nothing").empty());
}

TEST_CASE("a netrc macro is skipped up to its empty line") {
    const auto entries = parse_netrc("machine a login u password p\n"
                                     "macdef init\n"
                                     "machine fake login x password y\n"
                                     "cd /pub\n"
                                     "\n"
                                     "machine b login v password q\n"
                                     "macdef last\nmachine fake");
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].machine == "b");
    CHECK(entries[1].line == 6);
}

TEST_CASE("the netrc entry of a host and user is found, the first that fits") {
    const Netrc netrc("machine h login one password p1\n"
                      "machine h login two password p2\n"
                      "machine open password p3\n"
                      "default login any password p4\n");
    CHECK(netrc.login("h").password == "p1");
    CHECK(netrc.login("h").user == "one");
    CHECK(netrc.login("h", "two").password == "p2");
    CHECK(netrc.login("open", "whoever").password == "p3");
    CHECK(netrc.login("open").user.empty());
    CHECK(netrc.login("elsewhere").user == "any");
    CHECK(netrc.login("elsewhere", "any").password == "p4");
    CHECK(netrc.refusal("elsewhere", "other") == "has no entry for host 'elsewhere' and user 'other'");
    CHECK(netrc.refusal("h", "three") == "has no entry for host 'h' and user 'three'");
}

TEST_CASE("a netrc file that cannot be used says which line, and shows no secret") {
    CHECK(Netrc("machine h\n").refusal("x") == "has no entry for host 'x'");
    CHECK(Netrc("\nmachine h login u\n").refusal("h") == "line 2: the entry for host 'h' has no password");
    CHECK(Netrc("machine h password\n").refusal("h") ==
          "line 1: found 'password' and nothing after it, expected a value");
    CHECK(Netrc("machine").refusal("h") == "line 1: found 'machine' and nothing after it, expected a value");
    CHECK(Netrc("login u\n").refusal("h") ==
          "line 1: found 'login' before any machine, expected machine or default");
    CHECK(Netrc("machine h login u password two words\n").refusal("h") ==
          "line 1: found a word that is no keyword, expected machine, default, login, password, account or "
          "macdef");
    CHECK(Netrc("machine h\npassword \"secret\n\"").refusal("h") ==
          "line 2: found a '\"' without an end on its line, expected a closing '\"'");
    CHECK(Netrc("machine h login u password \"a\\nb\"\n").refusal("h") ==
          "line 1: the entry has a control byte in its login or password");
    CHECK(Netrc("machine \"\" password p\n").refusal("h") ==
          "line 1: found a machine without a name, expected a host");
}

TEST_CASE("a password command has its time, and no more") {
    using std::chrono::milliseconds;
    const auto run = [](const std::string& command, milliseconds patience = std::chrono::seconds(30)) {
        return cli::password_from_command(command, "it", patience);
    };
    const auto refusal = [&](const std::string& command, milliseconds patience = std::chrono::seconds(30)) {
        return refusal_of([&] { (void)run(command, patience); });
    };
    CHECK(run("printf secret") == "secret");
    CHECK(run("cat; echo secret") == "secret"); // nothing to read
    CHECK(run("echo secret; head -c 1000000 /dev/zero") == "secret");
    CHECK(refusal("sleep 600", milliseconds(50)) == "it did not end within 1 s");
    CHECK(refusal("echo secret; exec >&-; sleep 600", milliseconds(50)) == "it did not end within 1 s");
    CHECK(refusal("head -c 5000 /dev/zero | tr '\\0' x") ==
          "the output of it has more than 4096 bytes in its first line");
}

TEST_CASE("a password command that takes too long leaves nothing running") {
    const TempDir dir;
    const std::string file = dir / "process";
    CHECK_THROWS_AS(cli::password_from_command("sleep 600 & echo $! >" + file + "; wait", "it",
                                               std::chrono::milliseconds(500)),
                    base::Error);
    const std::string process = test::read_file(file);
    const fs::path state = "/proc/" + process.substr(0, process.find('\n')) + "/stat";
    const auto is_running = [&] { // and not only waited for by nobody
        std::string line;
        return static_cast<bool>(std::getline(std::ifstream(state), line)) && line.find(") Z ") == line.npos;
    };
    for (int look = 0; look < 500 && is_running(); ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK_FALSE(is_running());
}
