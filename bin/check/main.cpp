// check: compares what nodes hold with what the cluster server knows.
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "catalog/catalog.hpp"
#include "catalog/walk.hpp"
#include "cli/json.hpp"
#include "cli/option_values.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "program/cluster.hpp"
#include "upkeep/audit.hpp"

#include <algorithm>

namespace {

using namespace nodespool;
using upkeep::Finding;
using upkeep::FindingKind;

void print_json(const Finding& finding) {
    cli::Json object;
    object["finding"] = upkeep::to_string(finding.kind);
    if (!finding.node.empty()) {
        object["node"] = finding.node;
        object["name"] = base::encode_name(finding.name);
    }
    if (!finding.path.empty())
        object["file"] = base::encode_name(finding.path);
    switch (finding.kind) {
    case FindingKind::orphan:
    case FindingKind::missing:
        object["size"] = finding.size_bytes;
        break;
    case FindingKind::size:
        object["expected"] = finding.size_bytes;
        object["found"] = finding.found_bytes;
        break;
    case FindingKind::content:
        object["expected"] = finding.expected_checksum;
        object["found"] = finding.found_checksum;
        break;
    case FindingKind::too_few:
    case FindingKind::lost:
        object["size"] = finding.size_bytes;
        object["mtime"] = base::format_time(finding.mtime);
        object["copies"] = finding.have;
        object["wanted"] = finding.wanted;
        break;
    case FindingKind::gone:
        break;
    case FindingKind::unreadable:
        object["reason"] = base::printable(finding.reason);
        break;
    }
    cli::print_json(object);
}

/// NODE[,NODE...], given once or several times.
std::vector<std::string> nodes_given(const cli::Invocation& invocation, const cli::Config& config) {
    std::vector<std::string> names;
    if (!invocation.has("node"))
        return names;
    for (const std::string& list : invocation.options["node"].as<std::vector<std::string>>()) {
        std::string_view rest = list;
        do {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            names.emplace_back(rest.substr(0, comma));
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        } while (!rest.empty());
    }
    for (const std::string& name : names)
        if (std::none_of(config.nodes.begin(), config.nodes.end(),
                         [&](const node::NodeConfig& node) { return node.name == name; }))
            cli::throw_bad_option("node", name, "a node of the configuration");
    return names;
}

bool is_recorded(const catalog::Catalog& catalog, const std::string& path) {
    bool found = false;
    catalog::for_each_link(catalog, path, [&](const std::string&) {
        found = true;
        return false;
    });
    return found;
}

/// @return false where paths were given and nothing is recorded of any of them
bool take_paths(const cli::Invocation& invocation, const cli::Config& config, upkeep::AuditOptions& options,
                cli::ExitStatus& status) {
    const auto catalog = catalog::Catalog::open_existing(config.root);
    bool is_everything = invocation.operands.empty();
    for (const std::string& operand : invocation.operands) {
        const std::string path = cli::cluster_directory_of(config, operand);
        if (path.empty()) {
            is_everything = true;
        } else if (is_recorded(catalog, path)) {
            options.paths.push_back(path);
        } else {
            base::log(base::LogLevel::error, "no link file is there of " + operand);
            status.note(cli::Condition::io);
        }
    }
    if (is_everything)
        options.paths.clear();
    return is_everything || !options.paths.empty();
}

void check(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::needed);
    upkeep::AuditOptions options;
    options.nodes = nodes_given(invocation, config);
    options.read_back = invocation.has("checksum") ? upkeep::ReadBack::yes : upkeep::ReadBack::no;
    if (!take_paths(invocation, config, options, status))
        return;
    const bool json = invocation.format == cli::OutputFormat::json;
    options.on_finding = [json](const Finding& finding) {
        if (json)
            print_json(finding);
        else
            cli::print(upkeep::format_finding(finding) + "\n");
    };
    const upkeep::AuditSummary summary = upkeep::audit(program::cluster_of(config), options);
    if (summary.nodes_failed)
        status.note(cli::Condition::resubmitted);
    if (summary.unreadable)
        status.note(cli::Condition::io);
}

} // namespace

int main(int argc, char** argv) {
    namespace po = boost::program_options;
    cli::Command command;
    command.synopsis = {"[-qv] [-C DIR] [--checksum] [--json] [--node NODE] [PATH ...]"};
    command.common = {cli::Common::directory, cli::Common::verbose, cli::Common::quiet, cli::Common::json};
    command.options.add_options()("checksum", "read every copy back and compare its content")(
        "node", po::value<std::vector<std::string>>()->value_name("NODE"),
        "only this node; may be given again, or as NODE,NODE");
    command.operands = {"PATH", 0, cli::k_any_number};
    command.body = check;
    return cli::run(argc, argv, {"check", "compare nodes and link files, print every difference", {command}});
}
