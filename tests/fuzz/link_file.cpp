// Link files: read and written they are the same, and what this version does not understand stays in them.
#include "base/error.hpp"
#include "catalog/link.hpp"
#include "fuzz/fuzzer.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

using namespace nodespool;
using catalog::Copy;
using catalog::Link;
using fuzz::demand;

namespace {

constexpr std::array<std::string_view, 4> k_known_words = {"server", "gone", "checksum", "copies"};

auto fields_of(const Link& link) {
    return std::tie(link.path, link.size_bytes, link.owner_uid, link.mtime, link.checksum, link.servers,
                    link.gone, link.copies, link.other_lines);
}

std::optional<Link> parse(std::string_view text) {
    try {
        return catalog::parse_link(text, "links/a");
    } catch (const base::Error& error) {
        const std::string_view message = error.what();
        demand(error.error_class() == base::ErrorClass::bad_input, "an error is one of bad input", message);
        fuzz::demand_printable(message, "an error can be shown");
        const std::uint64_t line = fuzz::number_after(message, "links/a:");
        demand(line >= 1 && line <= std::max<std::size_t>(1, fuzz::lines_of(text).size()),
               "the line is one of the file", message);
        demand(message.find(", expected ") != message.npos, "an error says what was expected", message);
        return std::nullopt;
    }
}

/// Words of a line that begins with one of the four, the first one too; empty: another line.
std::vector<std::string_view> known_words(std::string_view line) {
    std::vector<std::string_view> words = fuzz::words_of(line);
    const bool is_known = !words.empty() && std::find(k_known_words.begin(), k_known_words.end(), words[0]) !=
                                                k_known_words.end();
    return is_known ? words : std::vector<std::string_view>();
}

void check_copy(const Copy& copy, std::string_view line) {
    const std::vector<std::string_view> words = fuzz::words_of(line);
    demand(copy.node == words.at(1), "a copy is on the node that its line names", line);
    demand(!copy.name.empty(), "a copy has a name", line);
    demand(copy.rest.empty() ? words.size() == 3 : line.ends_with(copy.rest),
           "what follows the name of a copy is kept", line);
}

/// Nothing that stands in the file gets lost on the way.
void check_nothing_is_lost(const Link& link, std::string_view text) {
    std::vector<std::string_view> lines = fuzz::lines_of(text);
    demand(fuzz::words_of(lines.at(0)).size() == 4, "the first line has four words", lines.at(0));
    lines.erase(lines.begin());
    std::vector<std::string> others;
    std::size_t servers = 0;
    std::size_t gone = 0;
    std::size_t single = 0;
    for (const std::string_view line : lines) {
        const std::vector<std::string_view> words = known_words(line);
        if (words.empty())
            others.emplace_back(line);
        else if (words[0] == "server")
            check_copy(link.servers.at(servers++), line);
        else if (words[0] == "gone")
            check_copy(link.gone.at(gone++), line);
        else
            single += words.size();
    }
    demand(servers == link.servers.size() && gone == link.gone.size(), "a copy is a line", text);
    demand(others == link.other_lines, "lines of other words stay as they are", text);
    // Two words each, once; `copies 0` says nothing.
    demand(single <= 4, "what a link file says once stands there once", text);
}

void check(const Link& link, std::string_view text) {
    check_nothing_is_lost(link, text);
    const std::string written = catalog::format_link(link);
    const std::optional<Link> again = parse(written);
    demand(again && fields_of(*again) == fields_of(link), "a link reads back as it was written", written);
    demand(catalog::format_link(*again) == written, "a link is always written the same", written);
    demand(link.records(link.size_bytes, link.mtime.value), "a link records its own version", text);
    for (const Copy& copy : link.servers)
        demand(link.has_copy(copy), "a link has its copies", text);
}

} // namespace

/// The file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    if (const std::optional<Link> link = parse(text))
        check(*link, text);
    return 0;
}
