// Names that may be sent to a node, and sources held to their size.
#include "node/remote_name.hpp"
#include "node/session.hpp"
#include "node/sized_source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>

using namespace nodespool;
using namespace nodespool::node;

namespace {

/// Says one size and gives another, in reads of at most ten bytes.
class FixedSource : public Source {
  public:
    FixedSource(std::uint64_t says, std::uint64_t gives) : m_says(says), m_gives(gives) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return m_says; }
    std::size_t read(std::span<char> into) override {
        const std::uint64_t count = std::min<std::uint64_t>({into.size(), 10, m_gives - m_given});
        m_given += count;
        return static_cast<std::size_t>(count);
    }
    void rewind() override { m_given = 0; }

  private:
    std::uint64_t m_says;
    std::uint64_t m_gives;
    std::uint64_t m_given = 0;
};

std::uint64_t read_to_end(SizedSource& source) {
    char buffer[64];
    std::uint64_t total = 0;
    while (const std::size_t got = source.read(buffer))
        total += got;
    return total;
}

std::optional<base::ErrorClass> error_of(std::uint64_t says, std::uint64_t gives) {
    FixedSource fixed(says, gives);
    SizedSource source(fixed);
    try {
        read_to_end(source);
    } catch (const base::Error& error) {
        return error.error_class();
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("names on a node are relative paths without tricks") {
    for (const std::string good : {"a", "61/47/file", "a b", "...", ".a", "a..", "\xC3\xA4", "%2F", "*"})
        CHECK_MESSAGE(why_not_a_remote_name(good).empty(), good);
    for (const std::string& bad :
         {std::string(), std::string("/a"), std::string("a//b"), std::string("a/"), std::string("."),
          std::string("a/.."), std::string("../a"), std::string("a/./b"), std::string("a\r\nDELE b"),
          std::string("a\0b", 3), std::string("\x1B"), std::string("\x7F"), std::string(4001, 'a')})
        CHECK_FALSE_MESSAGE(why_not_a_remote_name(bad).empty(), bad);
}

TEST_CASE("a refused name is permanent and printed harmlessly") {
    std::string text;
    try {
        refuse_bad_name("n1", "put", "a\r\nb");
    } catch (const NodeError& error) {
        CHECK(error.failure() == Failure::permanent);
        CHECK(error.node() == "n1");
        text = error.what();
    }
    CHECK(text == "n1: cannot put a\\x0D\\x0Ab: refused, it is a name with a control byte");
}

TEST_CASE("a source is held to the size it promised") {
    CHECK(error_of(0, 0) == std::nullopt);
    CHECK(error_of(25, 25) == std::nullopt);
    CHECK(error_of(25, 24) == base::ErrorClass::io);
    CHECK(error_of(25, 0) == base::ErrorClass::io);
    CHECK(error_of(25, 26) == base::ErrorClass::io);
    CHECK(error_of(0, 1) == base::ErrorClass::io);
    CHECK(error_of(10, 20) == base::ErrorClass::io);
}

TEST_CASE("a rewound source counts from its first byte") {
    FixedSource fixed(25, 25);
    SizedSource source(fixed);
    CHECK(read_to_end(source) == 25);
    source.rewind();
    CHECK(read_to_end(source) == 25);
}

TEST_CASE("failure classes have names") {
    CHECK(to_string(Failure::temporary) == "temporary");
    CHECK(to_string(Failure::node_down) == "node-down");
    CHECK(to_string(Failure::node_full) == "node-full");
    CHECK(to_string(Failure::node_unwritable) == "node-unwritable");
    CHECK(to_string(Failure::permanent) == "permanent");
}
