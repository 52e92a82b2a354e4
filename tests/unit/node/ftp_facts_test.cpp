// Facts, times, and the lines of listings.
#include "node/ftp_facts.hpp"
#include "node/ftp_records.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace nodespool;
using namespace nodespool::node;

namespace {

struct Records {
    std::vector<std::string> lines;
    bool ended_whole;
    bool is_garbled;

    bool operator==(const Records&) const = default;
};

/// What comes of @p text when it arrives in pieces of @p piece bytes.
Records records_of(const std::string& text, std::size_t piece) {
    Records records{};
    RecordSink sink([&](std::string_view line) { records.lines.emplace_back(line); });
    for (std::size_t at = 0; at < text.size(); at += piece)
        sink.write({text.data() + at, std::min(piece, text.size() - at)});
    records.ended_whole = sink.ended_whole();
    records.is_garbled = sink.is_garbled();
    return records;
}

} // namespace

TEST_CASE("an MLSD line has facts, one blank, and a name") {
    const auto facts = parse_facts("type=file;size=12;modify=20200203040506.25;UNIX.mode=0644;  a  b ");
    REQUIRE(facts);
    CHECK(facts->type == EntryType::file);
    CHECK(facts->size_bytes == 12);
    CHECK(facts->mtime == base::Timestamp{1580702706, 250000000});
    CHECK(facts->name == " a  b ");
    CHECK(parse_facts("Type=DIR; sub")->type == EntryType::directory);
    CHECK(parse_facts("type=cdir; /abs/path")->type == EntryType::self);
    CHECK(parse_facts("type=pdir; ..")->type == EntryType::parent);
    CHECK(parse_facts("type=dir; .")->type == EntryType::self);
    CHECK(parse_facts("type=dir; ..")->type == EntryType::parent);
    CHECK(parse_facts("type=OS.unix=slink:/some where; link")->type == EntryType::other);
    CHECK(parse_facts("type=unknown;size=0; fifo")->type == EntryType::other);
    CHECK_FALSE(parse_facts("type=file;size=18446744073709551616; a")->size_bytes);
    CHECK_FALSE(parse_facts("type=file;size=-1; a")->size_bytes);
}

TEST_CASE("a line without a type or without a name of its own is no entry") {
    for (const std::string line :
         {"", " ", "a", "type=file;", "type=file; ", "size=1; a", " a", "type=file; a/b", "type=file; .",
          "type=file; ..", "type=dir; /", "nonsense; a"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_facts(line));
    }
    CHECK_FALSE(parse_facts(std::string_view("type=file; a\0b", 14)));
}

TEST_CASE("FTP times are in UTC, whole or with a fraction") {
    CHECK(parse_ftp_time("19700101000000") == base::Timestamp{0, 0});
    CHECK(parse_ftp_time("19691231235959") == base::Timestamp{-1, 0});
    CHECK(parse_ftp_time("20240229120000") == base::Timestamp{1709208000, 0});
    CHECK(parse_ftp_time("20380119031408.1") == base::Timestamp{2147483648, 100000000});
    CHECK(parse_ftp_time("20200203040506.1234567891") == base::Timestamp{1580702706, 123456789});
    CHECK(mtime_from({213, "213 20200203040506 "}) == base::Timestamp{1580702706, 0});
    CHECK_FALSE(mtime_from({550, "550 20200203040506"}));
    CHECK_FALSE(mtime_from({213, "213"}));
    for (const std::string text :
         {"", "2020020304050", "20230229120000", "20201303040506", "20200203240506", "20200203046006",
          "20200203040506.", "20200203040506.x", "20200203040506.1x", "20200203040506 ", "2020020304050x",
          "20200203040506,5", "191000203040506"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_ftp_time(text));
    }
}

TEST_CASE("a listing falls into the same lines however it arrives") {
    const std::vector<std::pair<std::string, Records>> cases = {
        {"", {{}, true, false}},
        {"a\r\nb\r\n", {{"a", "b"}, true, false}},
        {"a\nb\n", {{"a", "b"}, true, false}},
        {"\r\n\r\n", {{"", ""}, true, false}},
        {"\n\n", {{"", ""}, true, false}},
        {"a\r\nb\nc\rd\r\r\n", {{"a", "b\nc\rd\r"}, true, false}},
        {"a\r\nb", {{"a"}, false, false}},
        {"a\r\nb\r", {{"a"}, false, false}},
        {"a\r\nb\n", {{"a"}, false, false}},
        {"a", {{}, false, false}},
    };
    for (const auto& [text, expected] : cases)
        for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) {
            CAPTURE(text);
            CAPTURE(piece);
            CHECK(records_of(text, piece) == expected);
        }
}

TEST_CASE("lines that end in two ways, and a line without end, are garbled") {
    for (const std::size_t piece : {1, 2, 3, 100}) {
        const Records records = records_of("a\nb\r\nc\n", piece);
        CHECK(records.is_garbled);
        CHECK(records.lines == std::vector<std::string>{"a"});
    }
    CHECK(records_of(std::string(100000, 'x'), 1000).is_garbled);
    CHECK_FALSE(records_of(std::string(60000, 'x') + "\r\n", 1000).is_garbled);
}
