// Facts and times.
#include "node/ftp_facts.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <string>

namespace nodespool::node {

namespace {

template <typename Number>
std::optional<Number> number_from(std::string_view digits) {
    Number number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
        return std::nullopt;
    return number;
}

bool are_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char byte) { return byte >= '0' && byte <= '9'; });
}

/// Names of facts and their values come in any case.
std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
    return lower;
}

EntryType type_of(const std::string& value, std::string_view name) {
    if (value == "cdir" || (value == "dir" && name == "."))
        return EntryType::self;
    if (value == "pdir" || (value == "dir" && name == ".."))
        return EntryType::parent;
    if (value == "dir")
        return EntryType::directory;
    return value == "file" ? EntryType::file : EntryType::other;
}

/// Can it be the name of an entry of a directory?
bool is_entry_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
           name.find('\0') == std::string_view::npos;
}

} // namespace

std::optional<FtpFacts> parse_facts(std::string_view line) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos)
        return std::nullopt;
    FtpFacts facts;
    facts.name = line.substr(blank + 1);
    std::optional<std::string> type;
    for (std::string_view rest = line.substr(0, blank); !rest.empty();) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        const std::string_view fact = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = fact.find('=');
        if (equals == std::string_view::npos)
            return std::nullopt;
        const std::string name = lower_case(fact.substr(0, equals));
        const std::string_view value = fact.substr(equals + 1);
        if (name == "type")
            type = lower_case(value);
        else if (name == "size")
            facts.size_bytes = number_from<std::uint64_t>(value);
        else if (name == "modify")
            facts.mtime = parse_ftp_time(value);
    }
    if (!type)
        return std::nullopt;
    facts.type = type_of(*type, facts.name);
    const bool has_own_name = facts.type == EntryType::file || facts.type == EntryType::directory;
    return has_own_name && !is_entry_name(facts.name) ? std::nullopt : std::optional(facts);
}

std::optional<base::Timestamp> parse_ftp_time(std::string_view text) {
    constexpr std::size_t k_digits = 14;
    const std::string_view digits = text.substr(0, k_digits);
    const std::string_view fraction = text.substr(digits.size());
    if (digits.size() != k_digits || !are_digits(digits))
        return std::nullopt;
    const auto part = [&](std::size_t at, std::size_t count) {
        return *number_from<std::int64_t>(digits.substr(at, count));
    };
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(part(0, 4))),
                                           std::chrono::month(static_cast<unsigned>(part(4, 2))),
                                           std::chrono::day(static_cast<unsigned>(part(6, 2)))};
    // 60: a leap second.
    if (!date.ok() || part(8, 2) > 23 || part(10, 2) > 59 || part(12, 2) > 60)
        return std::nullopt;
    base::Timestamp time;
    time.seconds = std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86400} +
                   part(8, 2) * 3600 + part(10, 2) * 60 + part(12, 2);
    if (fraction.empty())
        return time;
    std::string nanoseconds(fraction.substr(1, 9));
    if (fraction.front() != '.' || nanoseconds.empty() || !are_digits(fraction.substr(1)))
        return std::nullopt;
    nanoseconds.resize(9, '0');
    time.nanoseconds = *number_from<std::uint32_t>(nanoseconds);
    return time;
}

std::optional<base::Timestamp> mtime_from(const FtpReply& reply) {
    if (reply.code != 213 || reply.text.size() < 5)
        return std::nullopt;
    std::string_view text = std::string_view(reply.text).substr(4);
    while (text.ends_with(' '))
        text.remove_suffix(1);
    return parse_ftp_time(text);
}

} // namespace nodespool::node
