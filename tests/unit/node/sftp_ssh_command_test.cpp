// How ssh is called for a node, and what its complaints mean.
#include "node/ssh_command.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace nodespool::node {

namespace {

struct Called {
    NodeConfig config;

    explicit Called(const std::string& url) {
        config.name = "n1";
        parse_node_url(url, config);
    }
    [[nodiscard]] std::vector<std::string> arguments() const {
        return ssh_arguments(config, split_node_url(config.url, config.name));
    }
    [[nodiscard]] bool has(const std::string& argument) const {
        const std::vector<std::string> all = arguments();
        return std::find(all.begin(), all.end(), argument) != all.end();
    }
    /// Those with @p start at their front.
    [[nodiscard]] long count(const std::string& start) const {
        const std::vector<std::string> all = arguments();
        return std::count_if(all.begin(), all.end(),
                             [&](const std::string& argument) { return argument.starts_with(start); });
    }
};

} // namespace

TEST_CASE("ssh is called for the subsystem, strictly, and leaves to its configuration what is not said") {
    const Called called("sftp://example.org/");
    const std::vector<std::string> arguments = called.arguments();
    const std::vector<std::string> last = {"-s", "--", "example.org", "sftp"};
    CHECK(arguments.front() == "ssh");
    CHECK(std::equal(last.begin(), last.end(), arguments.end() - 4));
    CHECK(called.has("StrictHostKeyChecking=yes"));
    CHECK(called.has("BatchMode=yes"));
    CHECK(called.has("ClearAllForwardings=yes"));
    CHECK(called.has("ControlPath=none"));
    CHECK(called.has("ConnectTimeout=10"));
    for (const std::string unsaid :
         {"-p", "-l", "-F", "-i", "IdentityFile", "UserKnownHostsFile", "Ciphers", "NumberOfPasswordPrompts"})
        CHECK(called.count(unsaid) == 0);
}

TEST_CASE("what the node's section says is said to ssh") {
    Called called("sftp://ali:secret@example.org:2222/dir");
    called.config.identity_file = "/etc/a key%h";
    called.config.known_hosts_file = "/etc/known \"hosts\"";
    const std::vector<std::string> arguments = called.arguments();
    const auto follows = [&](const std::string& option, const std::string& value) {
        const auto found = std::find(arguments.begin(), arguments.end(), option);
        return found != arguments.end() && *(found + 1) == value;
    };
    CHECK(follows("-p", "2222"));
    CHECK(follows("-l", "ali"));
    CHECK(called.has("IdentityFile=\"/etc/a key%%h\""));
    CHECK(called.has("IdentitiesOnly=yes"));
    CHECK(called.has("UserKnownHostsFile=\"/etc/known \\\"hosts\\\"\""));
    CHECK(called.has("GlobalKnownHostsFile=none"));
    CHECK(called.has("NumberOfPasswordPrompts=1"));
    CHECK(called.count("BatchMode=yes") == 0);
    for (const std::string& argument : arguments)
        CHECK(argument.find("secret") == std::string::npos);
    called.config.ssh_config_file = "/etc/nodespool/ssh";
    CHECK(called.arguments().at(4) == "-F");
    CHECK(called.arguments().at(5) == "/etc/nodespool/ssh");
}

TEST_CASE("ciphers are the affair of ssh's configuration, which an option would override") {
    Called called("sftp://ali:secret@example.org:2222/dir");
    for (const std::string file : {"", "/etc/nodespool/ssh"}) {
        called.config.ssh_config_file = file;
        for (const std::string option : {"Ciphers", "ciphers", "-c", "-oCiphers"})
            CHECK(called.count(option) == 0);
        CHECK(called.count("-F") == (file.empty() ? 0 : 1));
    }
}

TEST_CASE("askpass is in the environment only where there is a password") {
    CHECK(ssh_variables("").empty());
    CHECK(ssh_variables("/proc/1/fd/3") ==
          std::vector<std::string>{"SSH_ASKPASS=/proc/1/fd/3", "SSH_ASKPASS_REQUIRE=force"});
}

TEST_CASE("a complaint becomes one line, without its frame, and its end stays") {
    CHECK(line_of_complaint("").empty());
    CHECK(line_of_complaint("one\r\ntwo\n\n") == "one two");
    CHECK(line_of_complaint("@@@@@@@@@@@\r\n@    WARNING    @\r\n@@@@@@@\r\nIt is bad.\r\n") ==
          "@    WARNING    @ It is bad.");
    const std::string line =
        line_of_complaint(std::string(100000, 'x') + "\nHost key verification failed.\r\n");
    CHECK(line.size() < 500);
    CHECK(line.starts_with("...x"));
    CHECK(line.ends_with("x Host key verification failed."));
}

TEST_CASE("a server that hangs up before its first word refuses the connection, not the node") {
    const LoginFailure busy =
        failure_of_login("kex_exchange_identification: Connection closed by remote host\r\n");
    CHECK(busy.failure == Failure::temporary);
    CHECK(busy.refusal == Refusal::connection);
    const LoginFailure denied = failure_of_login("ali@example.org: Permission denied (publickey).\r\n");
    CHECK(denied.failure == Failure::node_down);
    CHECK(denied.refusal == Refusal::none);
}

} // namespace nodespool::node
