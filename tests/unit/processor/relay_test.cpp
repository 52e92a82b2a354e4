// The buffer between a source and its targets.
#include "processor/relay.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>

using namespace nodespool;
using processor::Relay;

namespace {

std::string all_of(node::Source& source) {
    std::string text;
    std::string block(70001, '\0');
    while (const std::size_t got = source.read(block))
        text.append(block, 0, got);
    return text;
}

/// As all_of(), without a copy.
std::string taken_from(node::Source& source) {
    std::string text;
    std::string space(70001, '\0');
    for (std::span<const char> bytes = source.next(space); !bytes.empty(); bytes = source.next(space))
        text.append(bytes.begin(), bytes.end());
    return text;
}

/// Puts them where the relay wants them, as a session does.
void write_in_place(Relay& relay, std::span<const char> bytes) {
    std::string space(100'000, '\0');
    while (!bytes.empty()) {
        const std::span<char> room = relay.room(space);
        REQUIRE_FALSE(room.empty());
        const std::size_t size = std::min(room.size(), bytes.size());
        std::copy_n(bytes.begin(), size, room.begin());
        relay.write(room.first(size));
        bytes = bytes.subspan(size);
    }
}

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>((i * 2654435761U) >> 13U);
    return text;
}

} // namespace

TEST_CASE("every reader gets every byte, in memory that does not grow with them") {
    const std::string content = pattern(9'000'000);
    Relay relay(content.size(), 3);
    std::string got[3];
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < 3; ++i)
        readers.emplace_back([&, i] {
            got[i] = all_of(relay.reader(i));
            relay.leave(i);
        });
    for (std::size_t at = 0; at < content.size(); at += 131072)
        relay.write(std::span(content).subspan(at, std::min<std::size_t>(131072, content.size() - at)));
    relay.close();
    for (std::thread& reader : readers)
        reader.join();
    for (const std::string& text : got)
        CHECK(text == content);
    CHECK(relay.written() == content.size());
}

TEST_CASE("a reader that leaves holds up nobody; without any the writer is told") {
    const std::string content = pattern(5'000'000);
    Relay relay(content.size(), 2);
    relay.leave(0);
    std::thread reader([&] {
        std::string block(1000, '\0');
        CHECK(relay.reader(1).read(block) == 1000);
        relay.leave(1);
    });
    CHECK_THROWS_AS(relay.write(content), Relay::NoReader);
    reader.join();
    CHECK(relay.has_begun(1));
    CHECK_FALSE(relay.has_begun(0));
}

TEST_CASE("a reader learns that the rest will not come") {
    Relay relay(10, 1);
    relay.write(std::string_view("12345"));
    relay.close();
    std::string block(100, '\0');
    CHECK(relay.reader(0).read(block) == 5);
    CHECK_THROWS_AS(relay.reader(0).read(block), Relay::SourceLost);
}

TEST_CASE("the beginning can be had again until it is overwritten") {
    const std::string content = pattern(3'000'000);
    Relay relay(content.size(), 1);
    relay.write(std::span(content).first(1'000'000));
    std::string block(900'000, '\0');
    node::Source& reader = relay.reader(0);
    CHECK(reader.read(block) == 900'000);
    reader.rewind();
    CHECK(reader.read(block) == 900'000);
    CHECK(block == content.substr(0, 900'000));
    relay.write(std::span(content).subspan(1'000'000, 1'500'000));
    CHECK_THROWS_AS(reader.rewind(), Relay::CannotRewind);
    std::string rest;
    std::thread writer([&] { relay.write(std::span(content).subspan(2'500'000)); });
    rest = all_of(reader);
    writer.join();
    CHECK(rest == content.substr(900'000));
}

TEST_CASE("an empty file has come through before anything is written") {
    Relay relay(0, 1);
    CHECK(all_of(relay.reader(0)).empty());
}

TEST_CASE("bytes that are put in place and taken from there are the same, at any pace") {
    for (const std::size_t size : {1U, 70'001U, 2'000'000U, 9'000'000U}) {
        CAPTURE(size);
        const std::string content = pattern(size);
        Relay relay(content.size(), 3);
        std::string got[3];
        std::vector<std::thread> readers;
        for (std::size_t i = 0; i < 3; ++i)
            readers.emplace_back([&, i] {
                got[i] = i == 0 ? all_of(relay.reader(i)) : taken_from(relay.reader(i));
                relay.leave(i);
            });
        write_in_place(relay, content);
        relay.close();
        for (std::thread& reader : readers)
            reader.join();
        for (const std::string& text : got)
            CHECK(text == content);
    }
}

TEST_CASE("what a reader was given is not overwritten before it asks for more, or leaves") {
    const std::string content = pattern(5'000'000);
    Relay relay(content.size(), 1);
    node::Source& reader = relay.reader(0);
    relay.write(std::span(content).first(2'000'000));
    std::string space(900'000, '\0');
    const std::span<const char> given = reader.next(space);
    CHECK(given.size() == 900'000);
    std::thread writer([&] {
        CHECK_THROWS_AS(write_in_place(relay, std::span(content).subspan(2'000'000)), Relay::NoReader);
    });
    CHECK(std::equal(given.begin(), given.end(), content.begin()));
    const std::span<const char> more = reader.next(space);
    CHECK(std::equal(more.begin(), more.end(), content.begin() + 900'000));
    relay.leave(0);
    writer.join();
}

TEST_CASE("there is always room for the end of a source, which may bring too much") {
    const std::string content = pattern(100);
    Relay relay(content.size(), 1);
    relay.write(content);
    std::string space(1000, '\0');
    CHECK(relay.room(space).data() == space.data());
}
