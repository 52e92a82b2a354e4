// forget: takes a lost node's copies out of the catalogue, and prints what is lost with it.
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/stop_signal.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "processor/node_marks.hpp"
#include "program/cluster.hpp"
#include "upkeep/forget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace {

using namespace nodespool;
using upkeep::ForgetReport;

std::string node_given(const cli::Invocation& invocation) {
    const std::string& node = invocation.operands.front();
    if (!base::is_node_name(node))
        throw base::Error(base::ErrorClass::usage,
                          fmt::format("found node '{}', expected a name of letters, digits, '_', '.' and '-'",
                                      base::printable(node)));
    return node;
}

/// While it is still configured, nothing new may land there.
void mark_if_configured(const processor::Cluster& cluster, const std::string& node) {
    if (std::none_of(cluster.nodes.begin(), cluster.nodes.end(),
                     [&](const auto& config) { return config.name == node; }))
        return;
    const processor::Mark before = processor::set_node_mark(cluster.root, node, processor::Mark::draining);
    base::log(base::LogLevel::info,
              {{"result", "marked"},
               {"node", node},
               {"mark", "draining"},
               {"before", before == processor::Mark::none ? "none" : std::string(to_string(before))}});
}

void print_lost(const catalog::Link& link, upkeep::InFileSpace in_file_space, cli::OutputFormat format) {
    const bool is_here = in_file_space == upkeep::InFileSpace::yes;
    const std::string path = base::encode_name(link.path);
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["result"] = "lost";
        object["file"] = path;
        object["size"] = link.size_bytes;
        object["mtime"] = base::format_time(link.mtime);
        object["in-file-space"] = is_here;
        cli::print_json(object);
    } else {
        cli::print(fmt::format("{} {} {}\n", path, link.size_bytes, base::format_time(link.mtime)));
    }
    if (is_here)
        base::log(base::LogLevel::info,
                  {{"result", "in-file-space"},
                   {"file", path},
                   {"reason", "no node has a copy, but the file space still holds it: to be stored again"}});
}

void summarize(const ForgetReport& report, const std::string& node, const cli::Invocation& invocation) {
    if (invocation.format == cli::OutputFormat::json) {
        cli::Json object;
        object["result"] = "summary";
        object["node"] = node;
        object["complete"] = report.end == ForgetReport::End::complete;
        object["files"] = report.files;
        object["lost"] = report.lost;
        object["stored-again"] = report.to_store;
        object["replicated"] = report.to_copy;
        object["waiting"] = report.waiting;
        object["unreadable"] = report.unreadable;
        cli::print_json(object);
        return;
    }
    const bool is_dry = invocation.dry_run == cli::DryRun::yes;
    base::log(
        base::LogLevel::info,
        fmt::format("{}: {} files named it, {} of them have no other copy; {} store jobs and {} replicate "
                    "jobs {}, {} wait already",
                    node, report.files, report.lost, report.to_store, report.to_copy,
                    is_dry ? "would be queued" : "queued", report.waiting));
}

void note(const ForgetReport& report, cli::ExitStatus& status) {
    if (report.unreadable > 0)
        status.note(cli::Condition::io);
    if (report.end == ForgetReport::End::stopped)
        status.note(cli::Condition::resubmitted);
}

void forget(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const std::string node = node_given(invocation);
    const processor::Cluster cluster = program::open_cluster(invocation, cli::Passwords::not_needed);
    base::StopSignal stop;
    std::optional<queue::Spool> spool;
    std::optional<catalog::Catalog> own_catalog;
    if (invocation.dry_run == cli::DryRun::no) {
        mark_if_configured(cluster, node);
        spool.emplace(cluster.root, base::system_clock());
        own_catalog.emplace(cluster.root);
    }
    const auto read_only_catalog = catalog::Catalog::open_existing(cluster.root);
    upkeep::ForgetListener listener;
    listener.stop = [&] { return stop.state() != base::Stop::no; };
    base::MonotonicTime next_line;
    listener.on_progress = [&](const ForgetReport& so_far) { // with -v, every five seconds
        const base::MonotonicTime now = base::system_clock().monotonic();
        if (now < next_line)
            return;
        next_line = now + std::chrono::seconds(5);
        base::log(base::LogLevel::debug, fmt::format("forget {}: {} files looked at, {} named it, {} lost",
                                                     node, so_far.links, so_far.files, so_far.lost));
    };
    listener.flush = [] { cli::flush_output(); };
    listener.on_lost = [&](const catalog::Link& link, upkeep::InFileSpace in_file_space) {
        print_lost(link, in_file_space, invocation.format);
    };
    const ForgetReport report = upkeep::forget(
        cluster, own_catalog ? *own_catalog : read_only_catalog, spool ? &*spool : nullptr, node,
        invocation.has("replicate") ? upkeep::Replicate::yes : upkeep::Replicate::no, listener);
    summarize(report, node, invocation);
    note(report, status);
}

} // namespace

int main(int argc, char** argv) {
    using cli::Common;
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [--json] [--replicate] NODE"};
    command.common = {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json};
    command.options.add_options()("replicate", "queue new copies of files that have too few left");
    command.operands = {"NODE", 1, 1};
    command.body = forget;
    return cli::run(argc, argv, {"forget", "give up a lost node's copies", {command}});
}
