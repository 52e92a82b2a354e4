// Times as jobs write them.
#include "base/timestamp.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace nodespool::base;

namespace {

WrittenTime written(std::string_view text) {
    const auto time = parse_time(text);
    REQUIRE_MESSAGE(time.has_value(), text);
    return *time;
}

} // namespace

TEST_CASE("a time is read with as many digits as it was written, and written back the same") {
    for (const char* text :
         {"0", "1", "1044844761", "1044844761.0", "1044844761.123456789", "0.5", "0.000000001", "-1", "-1.5",
          "-0.000000001", "-1044844761.25", "99999999999999999"})
        CHECK(format_time(written(text)) == text);
    CHECK(written("12.25").value == Timestamp{12, 250'000'000});
    CHECK(written("12.25").fraction_digits == 2);
    CHECK(written("12").fraction_digits == 0);
}

TEST_CASE("a time before the epoch counts back from it") {
    CHECK(written("-1.5").value == Timestamp{-2, 500'000'000});
    CHECK(written("-0.25").value == Timestamp{-1, 750'000'000});
    CHECK(written("-3").value == Timestamp{-3, 0});
    CHECK(format_time(Timestamp{-2, 500'000'000}) == "-1.500000000");
    CHECK(written("-1.5").value < written("-1.4").value);
}

TEST_CASE("what is not exactly a time is none") {
    for (const char* text : {"", "-", ".", ".5", "5.", "+5", " 5", "5 ", "1e3", "0x10", "1.1234567890",
                             "1.-5", "--1", "1,5", "123456789012345678", "1.5.5", "nan"})
        CHECK_FALSE_MESSAGE(parse_time(text).has_value(), text);
}

TEST_CASE("comparison happens at the written precision, by cutting off") {
    const Timestamp actual{100, 199'999'999};
    CHECK(written("100").matches(actual));
    CHECK(written("100.1").matches(actual));
    CHECK(written("100.19").matches(actual));
    CHECK(written("100.199999999").matches(actual));
    CHECK_FALSE(written("100.2").matches(actual));
    CHECK_FALSE(written("100.20").matches(actual));
    CHECK_FALSE(written("101").matches(actual));
    CHECK_FALSE(written("100.000000000").matches(actual));
    CHECK(written("-1").matches(Timestamp{-2, 500'000'000}));
    CHECK(written("-1.5").matches(Timestamp{-2, 499'999'999}));
    CHECK_FALSE(written("-2").matches(Timestamp{-2, 500'000'000}));
}

TEST_CASE("an earlier file time also matches where the client may have set it back") {
    CHECK(written("100").matches_or_after(Timestamp{100, 999'999'999}));
    CHECK(written("100").matches_or_after(Timestamp{5, 0}));
    CHECK(written("100").matches_or_after(Timestamp{-5, 0}));
    CHECK_FALSE(written("100").matches_or_after(Timestamp{101, 0}));
    CHECK_FALSE(written("100.5").matches_or_after(Timestamp{100, 600'000'000}));
}

TEST_CASE("programs write nine digits") {
    CHECK(format_time(Timestamp{1044844761, 0}) == "1044844761.000000000");
    CHECK(format_time(Timestamp{1, 1}) == "1.000000001");
}

TEST_CASE("times move by fractions of seconds in both directions") {
    CHECK(Timestamp{10, 500'000'000}.plus(0.75) == Timestamp{11, 250'000'000});
    CHECK(Timestamp{10, 500'000'000}.plus(-0.75) == Timestamp{9, 750'000'000});
    CHECK(Timestamp{0, 0}.plus(-1.5) == Timestamp{-2, 500'000'000});
    CHECK(seconds_between({1, 500'000'000}, {3, 250'000'000}) == doctest::Approx(1.75));
    CHECK(seconds_between({3, 0}, {1, 0}) == doctest::Approx(-2));
}

TEST_CASE("stamps are UTC") {
    CHECK(format_stamp({1044844761, 5}) == "20030210-023921");
    CHECK(format_rfc3339({1044844761, 5'999'999}) == "2003-02-10T02:39:21.005Z");
}
