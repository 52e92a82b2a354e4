// Node sections: keys that fit the URL, how a node is trusted, and where its password comes from.
#include "support/configured_root.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <utility>
#include <vector>

using namespace nodespool;
using cli::Passwords;
using test::ConfiguredRoot;
using test::read_file;
using test::write_file;

namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

/// Of a node n1 with these lines.
std::string section(const std::string& lines) {
    return "[node.n1]\n" + lines;
}

void write_secret(const std::string& path, const std::string& text, int mode = 0600) {
    write_file(path, text);
    fs::permissions(path, static_cast<fs::perms>(mode));
}

const std::string k_ftp = "url = ftp://me@host/\n";
const std::string k_ftps = "url = ftps://me@host/\n";
const std::string k_sftp = "url = sftp://me@host/\n";
const std::string k_file = "url = file:///n\n";

} // namespace

TEST_CASE("an ftp node is not encrypted unless it says so, and what is encrypted is verified") {
    const auto node_of = [](const std::string& lines) {
        return ConfiguredRoot(section(lines)).load().nodes.at(0);
    };
    CHECK(node_of(k_ftp).tls == node::Tls::no);
    CHECK(node_of(k_ftp + "tls = no\n").tls == node::Tls::no);
    CHECK(node_of(k_ftp + "tls = try\n").tls == node::Tls::if_offered);
    CHECK(node_of(k_ftp + "tls = require\n").tls == node::Tls::required);
    CHECK(node_of(k_ftps).tls == node::Tls::implicit);
    CHECK(node_of(k_ftps).tls_verify == node::TlsVerify::yes);
    CHECK(node_of(k_ftps + "tls-verify = yes\n").tls_verify == node::TlsVerify::yes);
    CHECK(node_of(k_ftps + "tls-verify = no\n").tls_verify == node::TlsVerify::no);
    CHECK(node_of(k_ftp + "tls = require\ntls-verify = no\n").tls_verify == node::TlsVerify::no);
}

TEST_CASE(
    "files that a node section names are relative to the root, and must be there where nodes are asked") {
    for (const auto& [lines, key] :
         std::vector<std::pair<std::string, std::string>>{{k_ftps, "ca-file"},
                                                          {k_sftp, "identity-file"},
                                                          {k_sftp, "known-hosts-file"},
                                                          {k_sftp, "ssh-config-file"}}) {
        const auto value_of = [key = key](const node::NodeConfig& node) {
            return key == "ca-file"            ? node.ca_file
                   : key == "identity-file"    ? node.identity_file
                   : key == "known-hosts-file" ? node.known_hosts_file
                                               : node.ssh_config_file;
        };
        const ConfiguredRoot relative(section(lines + key + " = etc/x\n"));
        CHECK(relative.refusal() ==
              "ROOT/.cluster.conf:3: found " + key + " = 'etc/x', expected a file that exists: ROOT/etc/x");
        CHECK(value_of(relative.load(Passwords::not_needed).nodes.at(0)) == relative / "etc/x");
        write_file(relative / "etc/x", "");
        CHECK(value_of(relative.load().nodes.at(0)) == relative / "etc/x");
        CHECK(value_of(ConfiguredRoot(section(lines + key + " = /dev/null\n")).load().nodes.at(0)) ==
              "/dev/null");
        CHECK(ConfiguredRoot(section(lines + key + " = .\n")).refusal() ==
              "ROOT/.cluster.conf:3: found " + key + " = '.', expected a file, not a directory");
        CHECK(ConfiguredRoot(section(lines + key + " =\n")).refusal() ==
              "ROOT/.cluster.conf:3: found " + key + " = '', expected a value");
    }
}

TEST_CASE("values and keys that do not fit a node's url are located") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {k_ftp + "tls = yes\n", "3: found tls = 'yes', expected no, try or require"},
        {k_ftp + "tls = implicit\n", "3: found tls = 'implicit', expected no, try or require"},
        {k_ftp + "tls =\n", "3: found tls = '', expected no, try or require"},
        {k_ftps + "tls-verify = maybe\n", "3: found tls-verify = 'maybe', expected yes or no"},
        {k_ftps + "tls = require\n",
         "3: found tls for an ftps:// url, expected no tls key: with ftps:// TLS is implicit"},
        {k_ftps + "\ntls = no\n", "4: found tls for an ftps:// url, expected no tls key"},
        {"tls = require\n" + k_sftp, "2: found tls for an sftp:// url, expected an ftp:// url"},
        {k_file + "tls = no\n", "3: found tls for a file:// url, expected an ftp:// url"},
        {k_sftp + "tls-verify = no\n",
         "3: found tls-verify for an sftp:// url, expected an ftp:// or ftps:// url"},
        {k_sftp + "ca-file = /dev/null\n",
         "3: found ca-file for an sftp:// url, expected an ftp:// or ftps:// url"},
        {k_ftp + "tls-verify = no\n", "3: found tls-verify without TLS, expected tls = require or try"},
        {k_ftp + "tls = no\nca-file = /dev/null\n",
         "4: found ca-file without TLS, expected tls = require or try"},
        {k_ftps + "tls-verify = no\nca-file = /dev/null\n",
         "4: found ca-file with tls-verify = no, expected one"},
        {k_ftp + "identity-file = /dev/null\n",
         "3: found identity-file for an ftp:// url, expected an sftp:// url"},
        {k_ftps + "known-hosts-file = x\n",
         "3: found known-hosts-file for an ftps:// url, expected an sftp:// url"},
        {k_file + "ssh-config-file = x\n",
         "3: found ssh-config-file for a file:// url, expected an sftp:// url"},
        {k_file + "password-file = x\n",
         "3: found password-file for a file:// url, expected the url of a server"},
        {k_file + "netrc-file = x\n", "3: found netrc-file for a file:// url, expected the url of a server"},
        {k_file + "password-command = x\n",
         "3: found password-command for a file:// url, expected the url of"},
        {k_sftp + "password-command =\n", "3: found password-command = a bad value, expected a value"},
        {k_sftp + "password-file = a\nnetrc-file = b\n",
         "4: found password-file too, expected one of the two"},
        {k_sftp + "password-command = a\nnetrc-file = b\n",
         "3: found netrc-file too, expected one of the two"},
        {k_sftp + "password-command = a\npassword-file = b\n",
         "3: found password-file too, expected one of the two"},
        {"url = sftp://v@host:x/\n", "2: the url of node n1 cannot be used: the port is not a number"}};
    for (const auto& [lines, message] : cases)
        for (const Passwords passwords : {Passwords::needed, Passwords::not_needed}) {
            const std::string refusal = ConfiguredRoot(section(lines)).refusal(passwords);
            CHECK_MESSAGE(refusal.starts_with("ROOT/.cluster.conf:" + message), refusal);
        }
    CHECK(contains(ConfiguredRoot(section("url = sftp://me:x@host/\npassword-command = a\n"), 0600).refusal(),
                   ":3: found a password in the url too, expected one of the two"));
}

TEST_CASE("a password stands in the url only where nobody else can read the file") {
    const std::string text = section("url = ftp://me:secret@host/\n");
    CHECK(ConfiguredRoot(text, 0600).load().nodes.at(0).password == "secret");
    CHECK(ConfiguredRoot(text, 0400).load().nodes.at(0).password == "secret");
    CHECK(ConfiguredRoot(text, 0640).refusal() ==
          "ROOT/.cluster.conf:2: found a password in a file of mode 0640, expected mode "
          "0600, or the password in a file that password-file names");
    CHECK(ConfiguredRoot(text, 0640).refusal(Passwords::not_needed) != "accepted");
}

TEST_CASE("a password file is read by those who need it, and only where it is its owner's alone") {
    const ConfiguredRoot cluster(section(k_ftp + "password-file = .password\n"));
    CHECK(cluster.load(Passwords::not_needed).nodes.at(0).password.empty());
    CHECK(cluster.refusal() == "ROOT/.cluster.conf:3: the password file ROOT/.password does not exist");
    write_secret(cluster / ".password", "se cret#1\r\nsecond line\n", 0640);
    CHECK(contains(cluster.refusal(), "mode 0640) can be read by others than its owner: refused"));
    fs::permissions(cluster / ".password", static_cast<fs::perms>(0600));
    CHECK(cluster.load().nodes.at(0).password == "se cret#1");
    write_file(cluster / ".password", "\nsecond line\n");
    CHECK(contains(cluster.refusal(), "the password file ROOT/.password has no password in its first line"));
    write_file(cluster / ".password", "a\tb\n");
    CHECK(
        contains(cluster.refusal(), "the password file ROOT/.password has a control byte in its first line"));

    CHECK(contains(ConfiguredRoot(section("url = ftp://me:x@host/\npassword-file = f\n"), 0600).refusal(),
                   ":3: found a password in the url too, expected one of the two"));
}

TEST_CASE("a netrc file gives the password, and the user where the url names none") {
    const ConfiguredRoot cluster(section(k_sftp + "netrc-file = .netrc\n") +
                                 "[node.n2]\nurl = ftp://other/\nnetrc-file = .netrc\n");
    CHECK(cluster.load(Passwords::not_needed).nodes.at(0).password.empty());
    CHECK(cluster.refusal() == "ROOT/.cluster.conf:3: the netrc file ROOT/.netrc does not exist");
    write_secret(cluster / ".netrc",
                 "machine host login me password one\nmachine other login you password two\n");
    const auto nodes = cluster.load().nodes;
    CHECK(nodes.at(0).user == "me");
    CHECK(nodes.at(0).password == "one");
    CHECK(nodes.at(1).user == "you");
    CHECK(nodes.at(1).password == "two");
    fs::permissions(cluster / ".netrc", static_cast<fs::perms>(0604));
    CHECK(contains(cluster.refusal(), "mode 0604) can be read by others than its owner: refused"));
}

TEST_CASE("a password command runs once for those who need passwords, and never for others") {
    const ConfiguredRoot cluster(section(k_sftp));
    write_file(cluster.conf(), section(k_sftp + "password-command = echo x >>" + (cluster / "runs") +
                                       "; echo 'se cret'; echo more\n"));
    CHECK(cluster.load(Passwords::not_needed).nodes.at(0).password.empty());
    CHECK_FALSE(fs::exists(cluster / "runs"));
    CHECK(cluster.load().nodes.at(0).password == "se cret");
    CHECK(read_file(cluster / "runs") == "x\n");
}

TEST_CASE("a password command that fails is located, and nothing that it is or printed is shown") {
    const auto refusal_of = [](const std::string& command) {
        return ConfiguredRoot(section(k_sftp + "password-command = " + command + "\n")).refusal();
    };
    CHECK(refusal_of("echo hunter2; exit 3") ==
          "ROOT/.cluster.conf:3: the password command of node n1 failed: exit status 3");
    CHECK(contains(refusal_of("echo hunter2; kill -9 $$"), "of node n1 failed: killed by signal 9"));
    CHECK(contains(refusal_of("true # hunter2"),
                   "the output of the password command of node n1 has no password in its first line"));
    CHECK(contains(refusal_of("printf 'hunter2\\t\\n'"), "of node n1 has a control byte in its first line"));
    for (const std::string command :
         {"echo hunter2; exit 1", "true hunter2", "printf 'hunter2\\001'", "no-hunter2 2>&-"})
        CHECK_FALSE(contains(refusal_of(command), "hunter2"));
}
