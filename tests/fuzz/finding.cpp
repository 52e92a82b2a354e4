// The lines of check, as repair reads them: written and read they are the same, and nothing in them leads
// elsewhere.
#include "base/path_name.hpp"
#include "fuzz/fuzzer.hpp"
#include "upkeep/audit_finding.hpp"

#include <optional>

using namespace nodespool;
using fuzz::demand;
using upkeep::Finding;

namespace {

std::optional<Finding> parse(std::string_view line) {
    try {
        return upkeep::parse_finding(line, {"stdin", 7});
    } catch (const queue::JobError& error) {
        const std::string_view message = error.what();
        fuzz::demand_printable(message, "an error can be shown");
        const std::uint64_t column = fuzz::number_after(message, "stdin:7:");
        demand(column >= 1 && column <= line.size() + 1, "the column lies in the line", message);
        demand(message.find("found ") != message.npos && message.find(", expected ") != message.npos,
               "an error says what was found and what was expected", message);
        return std::nullopt;
    }
}

void check_finding(const Finding& finding) {
    const bool has_path = finding.kind != upkeep::FindingKind::orphan;
    demand(has_path != finding.path.empty(), "all but an orphan are about a file", finding.path);
    demand(!has_path || base::why_not_a_cluster_path(finding.path).empty(), "a file is one of the cluster",
           finding.path);
    demand(finding.node.empty() == finding.name.empty(), "a node and a name belong together", finding.node);
    demand(finding.node.empty() || base::is_node_name(finding.node), "a node's name is one", finding.node);
}

void check(std::string_view line) {
    const std::optional<Finding> finding = parse(line);
    demand(!finding || !upkeep::is_finding_comment(line), "a comment is no finding", line);
    if (!finding)
        return;
    check_finding(*finding);
    const std::string written = upkeep::format_finding(*finding);
    fuzz::demand_printable(written, "a finding can be shown");
    const std::optional<Finding> again = parse(written);
    demand(again.has_value(), "a finding that was written is one", written);
    Finding expected = *finding;
    expected.reason = base::printable(expected.reason); // free text: made fit to be shown when it is written
    demand(*again == expected, "a finding reads back as it was written", written);
}

} // namespace

/// Lines.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    for (const std::string_view line : fuzz::lines_of(fuzz::text_of(data, size)))
        check(line);
    return 0;
}
