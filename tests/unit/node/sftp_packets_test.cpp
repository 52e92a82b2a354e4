// SFTP packets: the draft's own form, and what hostile servers make of it.
#include "node/sftp_packets.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace nodespool::node {

namespace {

std::string bytes(std::initializer_list<unsigned> values) {
    std::string result;
    for (const unsigned value : values)
        result += static_cast<char>(value);
    return result;
}

void feed(SftpInput& input, std::string_view text) {
    while (!text.empty()) {
        const std::span<char> room = input.room();
        const std::size_t count = std::min(room.size(), text.size());
        std::copy_n(text.data(), count, room.data());
        input.filled(count);
        text.remove_prefix(count);
    }
}

} // namespace

TEST_CASE("a request is written as the draft has it") {
    SftpOutput output;
    output.begin(SftpType::mkdir).u32(0x01020304).string("ab").u32(0);
    output.end();
    CHECK(output.bytes() == bytes({0, 0, 0, 15, 14, 1, 2, 3, 4, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0}));
}

TEST_CASE("a block that is filled in place is as long as it became") {
    SftpOutput output;
    output.begin(SftpType::write).u32(7).string("h").u64(5);
    const std::span<char> room = output.room_for_string(1000);
    room[0] = 'x';
    room[1] = 'y';
    output.fit_string(2);
    output.end();
    output.begin(SftpType::close).u32(8).string("h");
    output.end();
    const std::string write =
        bytes({0, 0, 0, 24, 6, 0, 0, 0, 7, 0, 0, 0, 1, 'h', 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 'x', 'y'});
    CHECK(output.bytes() == write + bytes({0, 0, 0, 10, 4, 0, 0, 0, 8, 0, 0, 0, 1, 'h'}));
}

TEST_CASE("a packet that is taken back leaves those before it") {
    SftpOutput output;
    output.begin(SftpType::close).u32(8).string("h");
    output.end();
    const std::string before(output.bytes());
    output.begin(SftpType::write).u32(9).string("h").u64(5);
    output.room_for_string(100000);
    output.cancel();
    CHECK(output.bytes() == before);
}

TEST_CASE("what was written in part goes on where it stopped, however much comes behind it") {
    SftpOutput output;
    std::string expected;
    std::string got;
    for (unsigned i = 0; i < 300; ++i) {
        output.begin(SftpType::remove).u32(i).string(std::string(i * 7, 'n'));
        output.end();
        expected += bytes({0, 0, ((5 + 4 + i * 7) >> 8U) & 0xFFU, (5 + 4 + i * 7) & 0xFFU, 13, 0, 0, i >> 8U,
                           i & 0xFFU, 0, 0, (i * 7) >> 8U, (i * 7) & 0xFFU}) +
                    std::string(i * 7, 'n');
        const std::size_t count = std::min<std::size_t>(output.bytes().size(), 500);
        got += output.bytes().substr(0, count);
        output.written(count);
    }
    got += output.bytes();
    CHECK(got == expected);
}

TEST_CASE("packets are found however they are cut") {
    const std::string packets = bytes({0, 0, 0, 2, 101, 'a'}) + bytes({0, 0, 0, 1, 102}) +
                                bytes({0, 3, 0, 0}) + std::string(0x30000, 'x');
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, packets.size()}) {
        CAPTURE(step);
        SftpInput input;
        std::vector<std::string> found;
        for (std::size_t at = 0; at < packets.size(); at += step) {
            feed(input, std::string_view(packets).substr(at, step));
            while (const auto packet = input.next())
                found.emplace_back(*packet);
        }
        REQUIRE(found.size() == 3);
        CHECK(found[0] == bytes({101, 'a'}));
        CHECK(found[1] == bytes({102}));
        CHECK(found[2] == std::string(0x30000, 'x'));
        CHECK(input.empty());
    }
}

TEST_CASE("the longest packet is taken at every place in the buffer") {
    SftpInput input;
    const std::string longest = bytes({0, 4, 0, 0}) + std::string(SftpInput::k_longest_packet, 'y');
    for (int i = 0; i < 5; ++i) {
        feed(input, bytes({0, 0, 0, 3, 101, 'a', 'b'}));
        REQUIRE(input.next());
        for (std::size_t at = 0; at < longest.size(); at += 50000) {
            CHECK_FALSE(input.next());
            feed(input, std::string_view(longest).substr(at, 50000));
        }
        const auto packet = input.next();
        REQUIRE(packet);
        CHECK(packet->size() == SftpInput::k_longest_packet);
    }
}

TEST_CASE("a length that cannot be is refused before anything is kept for it") {
    for (const std::string& length :
         {bytes({0, 0, 0, 0}), bytes({0, 4, 0, 1}), bytes({0xFF, 0xFF, 0xFF, 0xFF}), std::string("HTTP"),
          std::string("Welc")}) {
        SftpInput input;
        feed(input, length);
        CHECK_THROWS_AS(input.next(), BadPacket);
    }
}

TEST_CASE("a packet cut at any byte is refused, and never read beyond") {
    // A whole reply of names: id, count, name, long name, attributes with everything in them.
    const std::string whole = bytes({0, 0, 0, 1}) + bytes({0, 0, 0, 1}) + bytes({0, 0, 0, 1, 'n'}) +
                              bytes({0, 0, 0, 2, 'l', 'l'}) + bytes({0x80, 0, 0, 0x0F}) +
                              bytes({0, 0, 0, 0, 0, 0, 0, 9}) + bytes({0, 0, 0, 1, 0, 0, 0, 2}) +
                              bytes({0, 0, 0x81, 0xA4}) + bytes({0, 0, 0, 5, 0, 0, 0, 6}) +
                              bytes({0, 0, 0, 1}) + bytes({0, 0, 0, 1, 't'}) + bytes({0, 0, 0, 1, 'd'});
    const auto read = [](std::string_view packet) {
        SftpFields fields(packet);
        fields.u32();
        fields.u32();
        fields.string();
        fields.string();
        const SftpAttributes attributes = fields.attributes();
        CHECK(fields.empty());
        return attributes;
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::string cut = whole.substr(0, size); // its own memory: a sanitizer sees a step beyond
        CHECK_THROWS_AS(read(cut), BadPacket);
    }
    const SftpAttributes attributes = read(whole);
    CHECK(attributes.size_bytes == 9);
    CHECK(attributes.type == base::FileType::regular);
    CHECK(attributes.mtime_s == 6);
}

TEST_CASE("a count of strings that never come is refused") {
    const std::string endless =
        bytes({0x80, 0, 0, 0}) + bytes({0xFF, 0xFF, 0xFF, 0xFF}) + bytes({0, 0, 0, 0});
    SftpFields fields(endless);
    CHECK_THROWS_AS(fields.attributes(), BadPacket);
}

TEST_CASE("attributes tell only what is in them") {
    const auto attributes_of = [](const std::string& packet) { return SftpFields(packet).attributes(); };
    const SftpAttributes none = attributes_of(bytes({0, 0, 0, 0}));
    CHECK_FALSE(none.size_bytes);
    CHECK_FALSE(none.type);
    CHECK_FALSE(none.mtime_s);
    CHECK(attributes_of(bytes({0, 0, 0, 4, 0, 0, 0x41, 0xED})).type == base::FileType::directory);
    CHECK(attributes_of(bytes({0, 0, 0, 4, 0, 0, 0xA1, 0xFF})).type == base::FileType::symlink);
    CHECK(attributes_of(bytes({0, 0, 0, 4, 0, 0, 0x11, 0xA4})).type == base::FileType::other);
    CHECK_FALSE(attributes_of(bytes({0, 0, 0, 4, 0, 0, 1, 0xA4})).type);
}

} // namespace nodespool::node
