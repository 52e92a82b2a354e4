// Listings of FTP servers, MLSD's and ls -l's: they fall into the same lines however they arrive, and no
// entry leads elsewhere.
#include "node/ftp_listing.hpp"

#include "fuzz/fuzzer.hpp"
#include "node/ftp_facts.hpp"
#include "node/ftp_records.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace nodespool;
using namespace nodespool::node;
using fuzz::demand;

namespace {

struct Records {
    std::vector<std::string> lines;
    bool ended_whole = false;
    bool is_garbled = false;

    bool operator==(const Records&) const = default;
};

Records records_of(std::string_view text, std::size_t piece) {
    Records records;
    RecordSink sink([&](std::string_view line) { records.lines.emplace_back(line); });
    for (std::size_t at = 0; at < text.size(); at += piece)
        sink.write(text.substr(at, piece));
    records.ended_whole = sink.ended_whole();
    records.is_garbled = sink.is_garbled();
    return records;
}

/// Is the end of each line where the first one's kind says? Nothing that came is left out.
void check_records(const Records& records, std::string_view text) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}})
        demand(records_of(text, piece) == records, "a listing falls into the same lines however it arrives",
               text);
    if (records.is_garbled || !records.ended_whole)
        return;
    const std::size_t newline = text.find('\n');
    const bool is_crlf = newline != text.npos && newline > 0 && text[newline - 1] == '\r';
    std::string joined;
    for (const std::string& line : records.lines)
        joined += line + (is_crlf ? "\r\n" : "\n");
    demand(joined == text, "a whole listing is its lines", text);
}

void check_facts(std::string_view line) {
    const std::optional<FtpFacts> facts = parse_facts(line);
    if (!facts)
        return;
    demand(line.ends_with(facts->name) &&
               line.substr(0, line.find(' ') + 1).size() + facts->name.size() == line.size(),
           "a name is what follows the first blank", line);
    if (facts->mtime)
        demand(facts->mtime->nanoseconds < 1'000'000'000, "a time has less than a second of nanoseconds",
               line);
    if (facts->type != EntryType::file && facts->type != EntryType::directory)
        return;
    demand(!facts->name.empty() && facts->name != "." && facts->name != ".." &&
               facts->name.find('/') == facts->name.npos && facts->name.find('\0') == facts->name.npos,
           "an entry is one of its own directory", line);
}

void check_ls_line(std::string_view line) {
    const LsEntry entry = parse_ls_line(line);
    if (entry.type == '?') {
        demand(entry.name == line, "a line that is not understood is kept whole", line);
        return;
    }
    demand(std::string_view("-dlbcps").find(entry.type) != std::string_view::npos &&
               line.front() == entry.type,
           "a type is the line's first letter", line);
    const std::size_t at = line.rfind(entry.name);
    demand(!entry.name.empty() || entry.type == 'l', "an entry has a name", line);
    demand(at != line.npos && at >= 20, "a name stands behind mode, owner, size and date", line);
    demand(entry.type == 'l' || line.ends_with(entry.name), "a name goes on to the end of its line", line);
}

/// A file that is there must never count as absent.
void check_listing(std::string_view text) {
    const FtpListing listing(std::string(text), "226 ok");
    for (std::string_view line : fuzz::lines_of(text)) {
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (line.empty() || line.starts_with("total "))
            continue;
        const LsEntry entry = parse_ls_line(line);
        demand(listing.may_hold(entry.name), "what is listed may be there", line);
        demand(!listing.size_of(entry.name) || listing.may_hold(entry.name), "what has a size may be there",
               line);
        if (entry.type == '?') // an end of it may be the name
            demand(listing.may_hold(line.substr(line.size() / 2)), "a line of unknown form hides no name",
                   line);
        if (entry.type == '-')
            demand(listing.size_of(entry.name).has_value(), "a file that is listed has a size", line);
    }
    const FtpListing cut_off(std::string(text), "226-Output truncated to 10000 matches");
    demand(!cut_off.would_show("a"), "a list that was cut off proves no absence", text);
}

} // namespace

/// The bytes of a data connection.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const Records records = records_of(text, std::max<std::size_t>(text.size(), 1));
    check_records(records, text);
    for (const std::string& line : records.lines) {
        check_facts(line);
        check_ls_line(line);
    }
    check_listing(text);
    return 0;
}
