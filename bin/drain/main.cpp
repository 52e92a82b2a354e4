// drain: empties a node, copy by copy, as other nodes are seen to have enough.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"
#include "catalog/walk.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "processor/node_marks.hpp"
#include "program/cluster.hpp"
#include "upkeep/drain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace {

using namespace nodespool;
using upkeep::Drained;
using upkeep::DrainedFile;
using upkeep::DrainReport;

void check_node(const processor::Cluster& cluster, const std::string& node) {
    if (std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                    [&](const auto& config) { return config.name == node; }))
        return;
    throw base::Error(
        base::ErrorClass::usage,
        fmt::format("found node '{}', expected one that is configured; copies on a node that is "
                    "lost leave the catalogue with 'nodespool forget'",
                    base::printable(node)));
}

void mark_as_draining(const processor::Cluster& cluster, const std::string& node) {
    const processor::Mark before = processor::set_node_mark(cluster.root, node, processor::Mark::draining);
    base::log(base::LogLevel::info,
              {{"result", "marked"},
               {"node", node},
               {"mark", "draining"},
               {"before", before == processor::Mark::none ? "none" : std::string(to_string(before))}});
}

/// What a person should know is a warning, what went as wished an info.
base::LogLevel level_of(Drained drained) {
    switch (drained) {
    case Drained::dropped:
    case Drained::queued:
        return base::LogLevel::info;
    case Drained::waiting:
        return base::LogLevel::debug;
    case Drained::cannot: // said once, at the end
    case Drained::changed:
        return base::LogLevel::info;
    case Drained::not_seen:
        return base::LogLevel::warning;
    case Drained::unreadable: // logged where it was found
        return base::LogLevel::debug;
    }
    return base::LogLevel::info;
}

void log_file(const DrainedFile& file, const std::string& node) {
    base::LogFields fields = {{"result", std::string(to_string(file.drained))},
                              {"file", base::encode_name(file.path)},
                              {"node", node},
                              {"bytes", std::to_string(file.size_bytes)}};
    if (!file.detail.empty())
        fields.emplace_back(file.drained == Drained::dropped ? "seen" : "reason", file.detail);
    base::log(level_of(file.drained), fields);
}

void print_file(const DrainedFile& file, const std::string& node, cli::OutputFormat format) {
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["result"] = to_string(file.drained);
        object["file"] = base::encode_name(file.path);
        object["size"] = file.size_bytes;
        object["node"] = node;
        object[file.drained == Drained::dropped ? "seen" : "reason"] = base::printable(file.detail);
        cli::print_json(object);
        return;
    }
    std::string text = fmt::format("would be {} {}", to_string(file.drained), base::encode_name(file.path));
    if (!file.detail.empty())
        text += (file.drained == Drained::dropped ? " (seen on " : " (") + base::printable(file.detail) + ")";
    cli::print(text + "\n");
}

std::string summary_text(const DrainReport& report, const std::string& node) {
    std::string text = fmt::format(
        "{}: {} files had a copy there: {} dropped, {} wait for replicate ({} queued now, {} before), "
        "{} not seen elsewhere, {} cannot be moved",
        node, report.files, report.count(Drained::dropped),
        report.count(Drained::queued) + report.count(Drained::waiting), report.count(Drained::queued),
        report.count(Drained::waiting), report.count(Drained::not_seen), report.count(Drained::cannot));
    if (report.count(Drained::changed) > 0)
        text += fmt::format(", {} changed meanwhile", report.count(Drained::changed));
    if (report.came > 0)
        text += fmt::format(", {} came since", report.came);
    return text + fmt::format("; {} left\n", report.left());
}

void print_summary(const DrainReport& report, const std::string& node, const cli::Invocation& invocation) {
    if (invocation.format == cli::OutputFormat::text) {
        if (invocation.verbosity != cli::Verbosity::quiet)
            cli::print(summary_text(report, node));
        return;
    }
    cli::Json object;
    object["result"] = "summary";
    object["node"] = node;
    object["complete"] = report.end == DrainReport::End::complete;
    object["files"] = report.files;
    for (const Drained kind : {Drained::dropped, Drained::queued, Drained::waiting, Drained::not_seen,
                               Drained::cannot, Drained::changed, Drained::unreadable})
        object[std::string(to_string(kind))] = report.count(kind);
    object["came"] = report.came;
    object["left"] = report.left();
    cli::print_json(object);
}

/// What the summary's numbers mean for the person who reads them.
void give_hints(const DrainReport& report, const std::string& node) {
    if (report.end == DrainReport::End::resumed)
        base::log(base::LogLevel::warning,
                  fmt::format("{} is not marked as draining any more: stopped", node));
    if (report.count(Drained::cannot) > 0)
        base::log(
            base::LogLevel::warning,
            fmt::format("{} files are to have more copies than there are other nodes that can hold one: "
                        "add a node or resume one, then run drain again",
                        report.count(Drained::cannot)));
    if (report.count(Drained::not_seen) > 0)
        base::log(
            base::LogLevel::warning,
            fmt::format("{} files have copies elsewhere that were not seen there with the right size, and "
                        "stay on {}: see 'nodespool check'",
                        report.count(Drained::not_seen), node));
    if (report.came > 0)
        base::log(
            base::LogLevel::warning,
            fmt::format("{} copies came to {} since it was marked, from a run that had begun before: run "
                        "drain again",
                        report.came, node));
}

/// How far it is: on a terminal a line that is drawn over, five times a second; with -v a line in the log,
/// every five seconds.
class Progress {
  public:
    Progress(const cli::Invocation& invocation, const catalog::Catalog& catalog, std::string node)
        : m_on_terminal(base::is_terminal(base::k_standard_error) &&
                        invocation.verbosity != cli::Verbosity::quiet),
          m_in_log(invocation.verbosity == cli::Verbosity::verbose),
          m_node(std::move(node)) {
        if (!m_on_terminal && !m_in_log)
            return;
        if (m_on_terminal)
            base::share_terminal_with_progress();
        catalog::for_each_link(catalog, "", [&](const std::string&) {
            ++m_links;
            return true;
        });
    }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        if (m_on_terminal)
            fmt::print(stderr, "\r\033[K");
    }

    void show(const DrainReport& report) {
        const base::MonotonicTime now = base::system_clock().monotonic();
        if (m_on_terminal && now >= m_next_draw) {
            m_next_draw = now + std::chrono::milliseconds(200);
            fmt::print(stderr, "\r\033[K{}", line(report));
        }
        if (m_in_log && !m_on_terminal && now >= m_next_log) {
            m_next_log = now + std::chrono::seconds(5);
            base::log(base::LogLevel::debug, line(report));
        }
    }

  private:
    [[nodiscard]] std::string line(const DrainReport& report) const {
        return fmt::format("drain {}: {}/{} files looked at, {} had a copy there, {} dropped, {} left",
                           m_node, report.links, std::max(report.links, m_links), report.files,
                           report.count(Drained::dropped), report.left());
    }

    bool m_on_terminal;
    bool m_in_log;
    std::string m_node;
    std::uint64_t m_links = 0;
    base::MonotonicTime m_next_draw;
    base::MonotonicTime m_next_log;
};

void note(const DrainReport& report, cli::ExitStatus& status) {
    if (report.count(Drained::unreadable) > 0)
        status.note(cli::Condition::io);
    if (report.left() > 0 || report.end != DrainReport::End::complete)
        status.note(cli::Condition::resubmitted);
}

void drain(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const processor::Cluster cluster = program::open_cluster(invocation, cli::Passwords::needed);
    const std::string& node = invocation.operands.front();
    check_node(cluster, node);
    const bool is_dry = invocation.dry_run == cli::DryRun::yes;
    base::StopSignal stop;
    std::optional<queue::Spool> spool;
    std::optional<catalog::Catalog> own_catalog;
    if (!is_dry) {
        mark_as_draining(cluster, node);
        spool.emplace(cluster.root, base::system_clock());
        own_catalog.emplace(cluster.root);
    }
    const auto read_only_catalog = catalog::Catalog::open_existing(cluster.root);
    const catalog::Catalog& catalog = own_catalog ? *own_catalog : read_only_catalog;
    DrainReport report;
    {
        Progress progress(invocation, catalog, node);
        upkeep::DrainListener listener;
        listener.stop = [&] { return stop.state() != base::Stop::no; };
        listener.on_progress = [&](const DrainReport& so_far) { progress.show(so_far); };
        listener.on_file = [&](const DrainedFile& file) {
            if (!is_dry)
                log_file(file, node);
            if (is_dry || invocation.format == cli::OutputFormat::json)
                print_file(file, node, invocation.format);
        };
        report = upkeep::drain(cluster, catalog, spool ? &*spool : nullptr, node, listener);
    }
    print_summary(report, node, invocation);
    give_hints(report, node);
    note(report, status);
}

} // namespace

int main(int argc, char** argv) {
    using cli::Common;
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [--json] NODE"};
    command.common = {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json};
    command.operands = {"NODE", 1, 1};
    command.body = drain;
    return cli::run(argc, argv, {"drain", "move all copies away from a node", {command}});
}
