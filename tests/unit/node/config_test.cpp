// Node URLs.
#include "base/error.hpp"
#include "node/config.hpp"
#include "node/url.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace nodespool;
using namespace nodespool::node;

namespace {

NodeUrl split(const std::string& text) {
    return split_node_url(text, "n1");
}

/// The message with which @p text is refused; empty where it is taken.
std::string refusal(const std::string& text) {
    NodeConfig config;
    config.name = "n1";
    try {
        parse_node_url(text, config);
    } catch (const base::Error& error) {
        CHECK(error.error_class() == base::ErrorClass::config);
        return error.what();
    }
    return {};
}

} // namespace

TEST_CASE("the password leaves the URL, and user and password are decoded") {
    NodeConfig config;
    config.name = "n1";
    parse_node_url("ftp://us%40er:p%3Aw%2F%25@host:2101/a%20b/c", config);
    CHECK(config.url == "ftp://us%40er@host:2101/a%20b/c");
    CHECK(config.user == "us@er");
    CHECK(config.password == "p:w/%");
}

TEST_CASE("an ftp URL has host, port and directory") {
    const NodeUrl url = split("ftp://host:2101/a%20b/c/");
    CHECK(url.scheme == Scheme::ftp);
    CHECK(url.host == "host");
    CHECK(url.port == 2101);
    CHECK(url.directory == "a b/c");
    CHECK(split("ftp://host").port == 21);
    CHECK(split("ftp://host").directory.empty());
    CHECK(split("ftp://host/").directory.empty());
    CHECK(split("FTP://host/").scheme == Scheme::ftp);
    CHECK(split("ftp://u@192.168.0.2:210/").host == "192.168.0.2");
    CHECK(split("ftp://u:@h/").password.empty());
}

TEST_CASE("a directory that begins with %2F is absolute") {
    CHECK(split("ftp://host/%2Fsrv/data").directory == "/srv/data");
    CHECK(split("ftp://host/%2f").directory == "/");
}

TEST_CASE("ftps and sftp are taken apart as ftp is, each with a port of its own") {
    const NodeUrl ftps = split("ftps://us%40er:pw@host/a%20b/");
    CHECK(ftps.scheme == Scheme::ftps);
    CHECK(ftps.port == 990);
    CHECK(ftps.user == "us@er");
    CHECK(ftps.password == "pw");
    CHECK(ftps.directory == "a b");
    CHECK(ftps.without_password == "ftps://us%40er@host/a%20b/");
    CHECK(split("ftps://host:2990/").port == 2990);
    const NodeUrl sftp = split("SFTP://user:pw@[::1]:2201/%2Fsrv/data");
    CHECK(sftp.scheme == Scheme::sftp);
    CHECK(sftp.port == 2201);
    CHECK(sftp.host == "::1");
    CHECK(sftp.directory == "/srv/data");
    CHECK(sftp.without_password == "sftp://user@[::1]:2201/%2Fsrv/data");
}

TEST_CASE("the port of an sftp URL without one, and its host, are left to ssh's configuration") {
    const NodeUrl url = split("sftp://my_alias/below/login");
    CHECK(url.port == 0);
    CHECK(url.host == "my_alias");
    CHECK(url.user.empty());
    CHECK(url.directory == "below/login");
    CHECK(split("sftp://host/").directory.empty());
}

TEST_CASE("an IPv6 address stands in brackets") {
    const NodeUrl url = split("ftp://u:p@[2001:db8::1]:2101/x");
    CHECK(url.host == "2001:db8::1");
    CHECK(url.port == 2101);
    CHECK(split("ftp://[::1]/").port == 21);
    CHECK(url.without_password == "ftp://u@[2001:db8::1]:2101/x");
    for (const std::string bad : {"ftp://[::1/", "ftp://[]/", "ftp://[host]/", "ftp://[::1]x/", "ftp://::1/"})
        CHECK_FALSE_MESSAGE(refusal(bad).empty(), bad);
}

TEST_CASE("a file URL is an absolute directory") {
    const NodeUrl url = split("file:///mnt/disk%201/");
    CHECK(url.scheme == Scheme::file);
    CHECK(url.directory == "/mnt/disk 1");
    for (const std::string bad :
         {"file://mnt/disk1", "file:/mnt", "file://", "file:///", "file:////mnt", "file:///a//b",
          "file:///a/../b", "file:///%2Fa", "file://localhost/mnt", "file:///a/./b"})
        CHECK_FALSE_MESSAGE(refusal(bad).empty(), bad);
}

TEST_CASE("what is no URL of a node is refused") {
    for (const std::string bad : {"",
                                  "ftp",
                                  "ftp:",
                                  "ftp:/host/",
                                  "ftp:///dir",
                                  "ftp://",
                                  "ftp://@host/",
                                  "ftp://:pw@host/",
                                  "http://host/",
                                  "scp://host/",
                                  "ftpes://host/",
                                  "ftps://",
                                  "sftp:///dir",
                                  "sftp://host:0/",
                                  "sftp://host//abs",
                                  "sftp://-oProxyCommand=x/",
                                  "sftp://-v/",
                                  "ftp://-v/",
                                  "://host/",
                                  "ftp://host:0/",
                                  "ftp://host:65536/",
                                  "ftp://host:/",
                                  "ftp://host:+1/",
                                  "ftp://host:21x/",
                                  "ftp://ho st/",
                                  "ftp://host/?x",
                                  "ftp://host/#x",
                                  "ftp://host/x;type=a",
                                  "ftp://host/%",
                                  "ftp://host/%2",
                                  "ftp://host/%zz",
                                  "ftp://host/%00",
                                  "ftp://host/%0D%0ADELE",
                                  "ftp://host/a/../b",
                                  "ftp://host/..",
                                  "ftp://host//abs",
                                  "ftp://u%0A:p@host/",
                                  "ftp://u:p%0D@host/",
                                  "ftp://host\r\n/"})
        CHECK_FALSE_MESSAGE(refusal(bad).empty(), bad);
    CHECK(refusal("ftp://host:1/").empty());
    CHECK(refusal("ftp://host:65535/").empty());
}

TEST_CASE("a refusal names the node and never a part of the password") {
    for (const std::string bad :
         {"ftp://user:sesame@host:99999/", "ftp://user:se/same@host/", "ftp://user:se#same@host/",
          "ftp://user:se?same@host/", "ftp://user:sesame", "ftp://user:%zzsesame@host/",
          "ftp://user:same@x@ho st/", "user:sesame@host", "ftp//user:sesame@host", "xftp://user:sesame@host/",
          "ftp://user:sesame@/", "ftp://user:sesame@host/a/../b", "ftp://user:sesame@[host/",
          "sftp://user:sesame@-v/", "ftps://user:se/same@host/"}) {
        CAPTURE(bad);
        const std::string text = refusal(bad);
        CHECK(text.find("n1") != std::string::npos);
        CHECK(text.find("same") == std::string::npos);
    }
}
