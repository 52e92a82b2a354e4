// Points in time: parsing, cutting to a written precision, and their textual forms.
#include "base/timestamp.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace nodespool::base {

namespace {

constexpr std::int64_t k_nanoseconds = 1'000'000'000;
constexpr std::array<std::uint32_t, 10> k_step = {1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000,
                                                  10'000,        1'000,       100,        10,        1};

/// Sign and magnitude: a time before the epoch is written "-1.5", which is second -2 plus half a second.
struct Decimal {
    bool negative;
    std::uint64_t seconds;
    std::uint32_t nanoseconds;
};

Decimal to_decimal(Timestamp time) {
    if (time.seconds >= 0)
        return {false, static_cast<std::uint64_t>(time.seconds), time.nanoseconds};
    if (time.nanoseconds == 0)
        return {true, static_cast<std::uint64_t>(-time.seconds), 0};
    return {true, static_cast<std::uint64_t>(-(time.seconds + 1)),
            static_cast<std::uint32_t>(k_nanoseconds - time.nanoseconds)};
}

Timestamp from_decimal(const Decimal& decimal) {
    const auto seconds = static_cast<std::int64_t>(decimal.seconds);
    if (!decimal.negative)
        return {seconds, decimal.nanoseconds};
    if (decimal.nanoseconds == 0)
        return {-seconds, 0};
    return {-seconds - 1, static_cast<std::uint32_t>(k_nanoseconds - decimal.nanoseconds)};
}

Timestamp cut(Timestamp time, int digits) {
    Decimal decimal = to_decimal(time);
    const std::uint32_t step = k_step.at(static_cast<std::size_t>(digits));
    decimal.nanoseconds -= decimal.nanoseconds % step;
    return from_decimal(decimal);
}

/// nullopt: in a year that the C library cannot count.
std::optional<std::tm> utc(Timestamp time) {
    const auto seconds = static_cast<std::time_t>(time.seconds);
    std::tm parts{};
    return gmtime_r(&seconds, &parts) == nullptr ? std::nullopt : std::optional(parts);
}

long year_of(const std::tm& parts) {
    return parts.tm_year + 1900L;
}

} // namespace

Timestamp Timestamp::plus(double by_seconds) const {
    const double whole = std::floor(by_seconds);
    std::int64_t ns = nanoseconds + std::llround((by_seconds - whole) * static_cast<double>(k_nanoseconds));
    std::int64_t s = seconds + static_cast<std::int64_t>(whole);
    s += ns / k_nanoseconds;
    ns %= k_nanoseconds;
    return {s, static_cast<std::uint32_t>(ns)};
}

double seconds_between(Timestamp earlier, Timestamp later) {
    return static_cast<double>(later.seconds - earlier.seconds) +
           (static_cast<double>(later.nanoseconds) - static_cast<double>(earlier.nanoseconds)) / 1e9;
}

bool WrittenTime::matches(Timestamp actual) const {
    return cut(actual, fraction_digits) == value;
}

bool WrittenTime::matches_or_after(Timestamp actual) const {
    return cut(actual, fraction_digits) <= value;
}

std::optional<WrittenTime> parse_time(std::string_view text) {
    Decimal decimal{false, 0, 0};
    if (!text.empty() && text.front() == '-') {
        decimal.negative = true;
        text.remove_prefix(1);
    }
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    // 17 digits are beyond any calendar and safely inside 64 bits.
    if (whole.empty() || whole.size() > 17 || whole.find_first_not_of("0123456789") != whole.npos)
        return std::nullopt;
    std::from_chars(whole.data(), whole.data() + whole.size(), decimal.seconds);
    if (dot == text.npos)
        return WrittenTime{from_decimal(decimal), 0};

    const std::string_view fraction = text.substr(dot + 1);
    if (fraction.empty() || fraction.size() > 9 || fraction.find_first_not_of("0123456789") != fraction.npos)
        return std::nullopt;
    std::from_chars(fraction.data(), fraction.data() + fraction.size(), decimal.nanoseconds);
    decimal.nanoseconds *= k_step.at(fraction.size());
    return WrittenTime{from_decimal(decimal), static_cast<int>(fraction.size())};
}

std::string format_time(Timestamp time) {
    return format_time(WrittenTime{time, 9});
}

std::string format_time(const WrittenTime& time) {
    const Decimal decimal = to_decimal(time.value);
    std::string text = fmt::format("{}{}", decimal.negative ? "-" : "", decimal.seconds);
    if (time.fraction_digits > 0) {
        const std::string fraction = fmt::format("{:09}", decimal.nanoseconds);
        text += '.' + fraction.substr(0, static_cast<std::size_t>(time.fraction_digits));
    }
    return text;
}

std::string format_stamp(Timestamp time) {
    const std::tm t = utc(time).value_or(std::tm{});
    return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}", year_of(t), t.tm_mon + 1, t.tm_mday, t.tm_hour,
                       t.tm_min, t.tm_sec);
}

std::string format_rfc3339(Timestamp time) {
    const std::optional<std::tm> t = utc(time);
    if (!t)
        return format_time(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year_of(*t), t->tm_mon + 1, t->tm_mday,
                       t->tm_hour, t->tm_min, t->tm_sec, time.nanoseconds / 1'000'000);
}

} // namespace nodespool::base
