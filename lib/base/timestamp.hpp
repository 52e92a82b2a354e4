// Points in time as files and jobs record them: seconds since the epoch with nanoseconds.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::base {

/// Seconds since the epoch (UTC) and 0..999999999 nanoseconds after them, as in struct timespec.
struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 mistakes the comparison with 0
    auto operator<=>(const Timestamp&) const = default;

    /// This time moved by @p by_seconds (may be negative, may have a fraction).
    [[nodiscard]] Timestamp plus(double by_seconds) const;
};

/// later - earlier in seconds.
double seconds_between(Timestamp earlier, Timestamp later);

/// A time as somebody wrote it: the value, and how many digits its fraction had (0..9). Comparison with a
/// file's time happens at that precision, by cutting off (design, "Job lines").
struct WrittenTime {
    Timestamp value;
    int fraction_digits = 9;

    /// Is @p actual, cut to this precision, the time that was written?
    [[nodiscard]] bool matches(Timestamp actual) const;
    /// Is @p actual, cut to this precision, the time that was written or an earlier one?
    [[nodiscard]] bool matches_or_after(Timestamp actual) const;

    bool operator==(const WrittenTime&) const = default;
};

/// Reads `[-]SECONDS[.FRACTION]` with one to nine digits of fraction. Nothing else: no blanks, no plus, no
/// exponent. @return nullopt where the text is not such a time.
std::optional<WrittenTime> parse_time(std::string_view text);

/// `SECONDS.NNNNNNNNN`: always nine digits.
std::string format_time(Timestamp time);
/// As it was written, with as many digits of fraction.
std::string format_time(const WrittenTime& time);

/// `YYYYMMDD-HHMMSS` in UTC, as names of queue files and of copies begin.
std::string format_stamp(Timestamp time);
/// `YYYY-MM-DDTHH:MM:SS.mmmZ` (RFC 3339), as log lines begin; format_time() of a time beyond the calendar.
std::string format_rfc3339(Timestamp time);

} // namespace nodespool::base
