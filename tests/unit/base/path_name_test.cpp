// Names as words, and what a cluster path may be.
#include "base/path_name.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace nodespool::base;

namespace {

void check_round_trip(const std::string& raw) {
    const std::string word = encode_name(raw);
    for (const char c : word) {
        const auto byte = static_cast<unsigned char>(c);
        CHECK(byte > 0x20);
        CHECK(byte != 0x7F);
        CHECK(c != '=');
    }
    CHECK_FALSE(word.starts_with('#'));
    CHECK(decode_name(word) == raw);
}

NameError error_of(const std::string& word) {
    try {
        return {word.size(), "accepted as '" + decode_name(word) + "'", ""};
    } catch (const NameError& error) {
        return error;
    }
}

} // namespace

TEST_CASE("every byte, alone, doubled, and first or last in a name, comes back") {
    for (int value = 0; value < 256; ++value) {
        const std::string byte(1, static_cast<char>(value));
        check_round_trip(byte);
        check_round_trip(byte + byte);
        check_round_trip(byte + "x");
        check_round_trip("x" + byte);
        check_round_trip("\xC3\xA4" + byte + "\xC3");
    }
}

TEST_CASE("random byte strings come back") {
    std::mt19937 random(20261121);
    std::uniform_int_distribution<int> length(0, 40);
    std::uniform_int_distribution<int> value(0, 255);
    for (int round = 0; round < 2000; ++round) {
        std::string raw;
        for (int left = length(random); left > 0; --left)
            raw += static_cast<char>(value(random));
        CHECK(decode_name(encode_name(raw)) == raw);
    }
}

TEST_CASE("what a queue file could misread is written as %XX, all other UTF-8 as it is") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"a b", "a%20b"},
        {"100%", "100%25"},
        {"a=b", "a%3Db"},
        {"#a#", "%23a#"},
        {"tab\tnl\ncr\r", "tab%09nl%0Acr%0D"},
        {"\x7F", "%7F"},
        {"gr\xC3\xBC\xC3\x9F/\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x93\x81",
         "gr\xC3\xBC\xC3\x9F/\xE6\x97\xA5\xE6\x9C\xAC%20\xF0\x9F\x93\x81"},
        {"\xC2\x85", "%C2%85"},               // U+0085, a C1 control
        {"latin1 \xE4", "latin1%20%E4"},      // not UTF-8
        {"\xC0\xAF", "%C0%AF"},               // an overlong slash
        {"\xED\xA0\x80", "%ED%A0%80"},        // a surrogate
        {"\xF4\x90\x80\x80", "%F4%90%80%80"}, // beyond U+10FFFF
        {"\xE2\x82", "%E2%82"},               // cut short
        {"quote\"'\\", "quote\"'\\"}};
    for (const auto& [raw, word] : cases) {
        CHECK(encode_name(raw) == word);
        CHECK(decode_name(word) == raw);
    }
}

TEST_CASE("hex digits are read in both cases, and needless escapes too") {
    CHECK(decode_name("%c3%BC%41%2f") == "\xC3\xBC"
                                         "A/");
}

TEST_CASE("reading is strict, and says where and what") {
    CHECK(error_of("ab%").offset == 2);
    CHECK(error_of("%4").offset == 0);
    CHECK(error_of("a%4g").offset == 1);
    CHECK(error_of("a%4g").found == "'%4g'");
    CHECK(error_of("a%4g").expected == "'%' and two hex digits");
    CHECK(error_of("%%41").offset == 0);
    CHECK(error_of("a b").expected == "it written as %20");
    CHECK(error_of("a=b").offset == 1);
    CHECK(error_of("#a").offset == 0);
    CHECK(error_of("a\tb").found == "a raw '\\x09'");
    CHECK(error_of("x\xFF").found == "a raw byte that is not UTF-8");
    CHECK(error_of("x\xFF").expected == "it written as %FF");
    CHECK(error_of("\x7F").offset == 0);
    CHECK(error_of("ok\xC2\x85").offset == 2);
}

TEST_CASE("a cluster path is relative, plain and outside nodespool's own names") {
    for (const char* path :
         {"a", "a/b/c", "a b", "...", "a/.hidden", "a/..b", "%2E%2E", "-n", "a/.nodespool", "\xFF"})
        CHECK_MESSAGE(why_not_a_cluster_path(path) ==
                          (std::string(path) == "..."
                               ? "a name that begins with a dot at the top of the file space"
                               : ""),
                      path);
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "an empty path"},
        {"/a", "an absolute path"},
        {"a//b", "an empty component"},
        {"a/", "an empty component"},
        {".", "a '.' component"},
        {"..", "a '..' component"},
        {"./a", "a '.' component"},
        {"../a", "a '..' component"},
        {"a/./b", "a '.' component"},
        {"a/..", "a '..' component"},
        {"a/../b", "a '..' component"},
        {".queue/x", "a name that begins with a dot at the top of the file space"},
        {".cluster.conf", "a name that begins with a dot at the top of the file space"},
        {"a/.nodespool-x", "a component that begins with '.nodespool-'"},
        {"a/.nodespool-x/b", "a component that begins with '.nodespool-'"},
        {std::string("a\0b", 3), "a NUL byte"},
        {std::string(256, 'x'), "a component of more than 255 bytes"}};
    for (const auto& [path, why] : cases)
        CHECK(why_not_a_cluster_path(path) == why);
    CHECK(why_not_a_cluster_path(std::string(255, 'x')).empty());
    std::string deep = "d";
    while (deep.size() <= 4000)
        deep += "/d";
    CHECK_FALSE(why_not_a_cluster_path(deep).empty());
}

TEST_CASE("a path is cut at its last slash") {
    CHECK(parent_of("a/b/c") == "a/b");
    CHECK(name_of("a/b/c") == "c");
    CHECK(parent_of("c").empty());
    CHECK(name_of("c") == "c");
}

TEST_CASE("printable text has no control characters left") {
    CHECK(printable("a\nb\x1b[2J\xC2\x9B\xFFz\xC3\xA4") == "a\\x0Ab\\x1B[2J\\xC2\\x9B\\xFFz\xC3\xA4");
}

TEST_CASE("a node's name is letters, digits, and from the second on also _ . -") {
    for (const std::string good : {"n1", "N", "0", "a.b", "a_b", "a-b", "node-1.example.org"})
        CHECK_MESSAGE(is_node_name(good), good);
    for (const std::string bad : {"", "-n1", ".n1", "_n1", "n 1", "n,1", "n/1", "n\xC3\xA4", "n\n", "n=1"})
        CHECK_FALSE_MESSAGE(is_node_name(bad), bad);
}
