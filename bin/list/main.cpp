// list: prints the files of the cluster and where their copies are.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "walk.hpp"

#include <fmt/format.h>

namespace {

using namespace nodespool;
using list_program::Entry;

/// "n1,n2"; "-" where there is no copy.
std::string node_names(const Entry& entry) {
    std::string names;
    if (entry.link)
        for (const catalog::Copy& copy : entry.link->servers)
            names += (names.empty() ? "" : ",") + copy.node;
    return names.empty() ? "-" : names;
}

std::size_t copies_of(const Entry& entry) {
    return entry.link ? entry.link->servers.size() : 0;
}

std::string mtime_of(const Entry& entry) {
    return entry.link ? base::format_time(entry.link->mtime) : base::format_time(entry.waiting->mtime);
}

std::uint64_t size_of(const Entry& entry) {
    return entry.link ? entry.link->size_bytes : entry.waiting->size_bytes;
}

void print_json(const Entry& entry) {
    cli::Json object;
    object["path"] = base::encode_name(entry.path);
    object["size"] = size_of(entry);
    object["mtime"] = mtime_of(entry);
    object["owner"] = entry.link ? entry.link->owner_uid : entry.waiting->uid;
    object["copies"] = copies_of(entry);
    object["nodes"] = cli::Json::array();
    if (entry.link)
        for (const catalog::Copy& copy : entry.link->servers)
            object["nodes"].push_back({{"node", copy.node}, {"name", base::encode_name(copy.name)}});
    if (entry.link && !entry.link->checksum.empty())
        object["checksum"] = entry.link->checksum;
    else
        object["checksum"] = nullptr;
    cli::print_json(object);
}

void list(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const bool json = invocation.format == cli::OutputFormat::json;
    const bool is_long = invocation.has("long");
    const list_program::Walk::Listener listener{
        [&](const Entry& entry) {
            if (json)
                print_json(entry);
            else if (is_long)
                cli::print(fmt::format("{} {} {} {} {}\n", copies_of(entry), base::encode_name(entry.path),
                                       size_of(entry), mtime_of(entry), node_names(entry)));
            else
                cli::print(base::encode_name(entry.path) + "\n");
        },
        [&](const std::string& directory) {
            if (!json && !is_long)
                cli::print(base::encode_name(directory) + "/\n");
        },
        [&](const std::string& message) {
            base::log(base::LogLevel::error, message);
            status.note(cli::Condition::io);
        }};
    list_program::Walk walk(
        config.root, config.files,
        invocation.has("recursive") ? list_program::Recursive::yes : list_program::Recursive::no, listener);
    if (invocation.operands.empty())
        walk.visit({});
    for (const std::string& operand : invocation.operands)
        if (!walk.visit(cli::cluster_directory_of(config, operand))) {
            base::log(base::LogLevel::error, "no such file or directory in the cluster: " + operand);
            status.note(cli::Condition::io);
        }
}

} // namespace

int main(int argc, char** argv) {
    nodespool::cli::Command command;
    command.synopsis = {"[-lr] [-C DIR] [--json] [PATH ...]"};
    command.common = {cli::Common::directory, cli::Common::json};
    command.options.add_options()("long,l", "print COPIES PATH SIZE MTIME NODES")("recursive,r",
                                                                                  "descend into directories");
    command.operands = {"PATH", 0, cli::k_any_number};
    command.body = list;
    return cli::run(argc, argv, {"list", "list the files of the cluster", {command}});
}
