// nodes: shows the nodes, tries them out, and marks them.
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "base/stop_signal.hpp"
#include "cli/cluster.hpp"
#include "cli/command_line.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "processor/node_marks.hpp"
#include "processor/node_state.hpp"
#include "table.hpp"
#include "upkeep/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <optional>
#include <vector>

namespace {

using namespace nodespool;
using processor::Mark;

[[noreturn]] void throw_unknown_node(const std::string& name, const cli::Config& config) {
    std::string names;
    for (const node::NodeConfig& node : config.nodes)
        names += (names.empty() ? "" : ", ") + node.name;
    throw base::Error(base::ErrorClass::usage,
                      fmt::format("found node '{}', expected one of the configuration: {}",
                                  base::printable(name), names.empty() ? "it has none" : names));
}

const node::NodeConfig* find_node(const cli::Config& config, const std::string& name) {
    const auto found = std::find_if(config.nodes.begin(), config.nodes.end(),
                                    [&](const node::NodeConfig& node) { return node.name == name; });
    return found == config.nodes.end() ? nullptr : &*found;
}

// --- probe

std::string json_name(std::string_view step) {
    return std::string(step) + "-ms";
}

void print_probed(const std::string& node, const upkeep::Probed& probed, upkeep::ProbeWrites writes,
                  cli::OutputFormat format) {
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["node"] = node;
        object["ok"] = !probed.failure.has_value();
        for (const upkeep::ProbeStep& step : probed.steps)
            object[json_name(step.name)] = std::round(step.took.count() * 1000) / 1000;
        object["features"] = cli::Json::array();
        for (const std::string& feature : probed.features)
            object["features"].push_back(base::printable(feature));
        if (probed.failure) {
            object["failure"] = to_string(*probed.failure);
            object["error"] = base::printable(probed.error);
        }
        cli::print_json(object);
        return;
    }
    std::string text = fmt::format("{} {}", node, probed.failure ? "FAILED" : "ok");
    for (const upkeep::ProbeStep& step : probed.steps)
        text += fmt::format("  {} {:.1f} ms", step.name, step.took.count());
    if (probed.failure)
        text += "  " + base::printable(probed.error);
    else if (writes == upkeep::ProbeWrites::no)
        text += "  (read-only: not written to)";
    text += '\n';
    for (const std::string& feature : probed.features)
        text += "    " + base::printable(feature) + '\n';
    cli::print(text);
}

std::vector<const node::NodeConfig*> nodes_to_probe(const cli::Invocation& invocation,
                                                    const cli::Config& config) {
    std::vector<const node::NodeConfig*> nodes;
    for (const std::string& name : invocation.operands) {
        const node::NodeConfig* node = find_node(config, name);
        if (node == nullptr)
            throw_unknown_node(name, config);
        if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
            nodes.push_back(node);
    }
    if (invocation.operands.empty())
        for (const node::NodeConfig& node : config.nodes)
            nodes.push_back(&node);
    return nodes;
}

/// All at once, so that one that is down holds up no other; printed in order.
void probe(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::needed);
    const std::vector<const node::NodeConfig*> nodes = nodes_to_probe(invocation, config);
    const processor::NodeMarks marks = processor::read_node_marks(config.root);
    const base::Clock& clock = base::system_clock();
    base::StopSignal stop; // before any other thread
    processor::SendingLog log(config.root, clock);
    struct Running {
        const node::NodeConfig* node;
        upkeep::ProbeWrites writes;
        std::future<upkeep::Probed> probed;
    };
    std::vector<Running> running;
    for (const node::NodeConfig* node : nodes) {
        const auto writes =
            marks.of(node->name) == Mark::read_only ? upkeep::ProbeWrites::no : upkeep::ProbeWrites::yes;
        // Where no thread can be started, it is probed when its turn to be printed comes.
        const auto when = std::launch::async | std::launch::deferred;
        running.push_back({node, writes, std::async(when, [&, node, writes] {
                               return upkeep::probe_node(*node, writes, log, clock,
                                                         [&] { return stop.state() != base::Stop::no; });
                           })});
    }
    for (Running& one : running) {
        try {
            const upkeep::Probed probed = one.probed.get();
            processor::record_node_health(config.root, one.node->name,
                                          upkeep::health_of(probed, clock.now()));
            print_probed(one.node->name, probed, one.writes, invocation.format);
            if (probed.failure)
                status.note(cli::Condition::resubmitted);
        } catch (const node::Interrupted&) {
            status.note(cli::Condition::resubmitted);
        }
    }
}

// --- marks

void print_marked(const std::string& node, Mark before, Mark after, const cli::Invocation& invocation) {
    const auto text = [](Mark mark) { return mark == Mark::none ? "none" : std::string(to_string(mark)); };
    const bool would = invocation.dry_run == cli::DryRun::yes;
    if (invocation.format == cli::OutputFormat::json) {
        cli::Json object;
        object["node"] = node;
        object["mark"] = text(after);
        object["before"] = text(before);
        cli::print_json(object);
    } else if (would) {
        cli::print(fmt::format("{}: {} now, would be marked {}\n", node, text(before), text(after)));
    } else {
        base::log(base::LogLevel::info,
                  {{"result", "marked"}, {"node", node}, {"mark", text(after)}, {"before", text(before)}});
    }
}

/// All names are checked before the first mark is set. A mark can be taken from a node that is not configured
/// any more, not given to one.
void mark_nodes(Mark mark, const cli::Invocation& invocation) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const processor::NodeMarks marks = processor::read_node_marks(config.root);
    for (const std::string& name : invocation.operands)
        if (find_node(config, name) == nullptr && (mark != Mark::none || marks.of(name) == Mark::none))
            throw_unknown_node(name, config);
    for (const std::string& name : invocation.operands) {
        const Mark before = invocation.dry_run == cli::DryRun::yes
                                ? marks.of(name)
                                : processor::set_node_mark(config.root, name, mark);
        print_marked(name, before, mark, invocation);
    }
}

cli::Command mark_command(const std::string& name, const std::string& purpose, Mark mark) {
    using cli::Common;
    cli::Command command;
    command.name = name;
    command.purpose = purpose;
    command.synopsis = {"[-nq] [-C DIR] [--json] NODE ..."};
    command.common = {Common::directory, Common::dry_run, Common::quiet, Common::json};
    command.operands = {"NODE", 1, cli::k_any_number};
    command.body = [mark](const cli::Invocation& invocation, cli::ExitStatus&) {
        mark_nodes(mark, invocation);
    };
    return command;
}

/// `nodes` alone, with or without options, is `nodes list`.
std::vector<const char*> with_command(int argc, char** argv) {
    std::vector<const char*> arguments(argv, argv + argc);
    const std::vector<std::string> words(arguments.begin() + (argc > 0 ? 1 : 0), arguments.end());
    const bool asks = std::any_of(words.begin(), words.end(), [](const std::string& word) {
        return word == "-h" || word == "--help" || word == "--version";
    });
    if (!asks && cli::find_command(words) >= words.size())
        arguments.insert(arguments.begin() + std::min(argc, 1), "list");
    return arguments;
}

} // namespace

int main(int argc, char** argv) {
    using cli::Common;
    cli::Command list_command;
    list_command.name = "list";
    list_command.purpose = "print a table of all nodes; also without any command";
    list_command.synopsis = {"[-C DIR] [--json]"};
    list_command.common = {Common::directory, Common::json};
    list_command.body = nodes_program::list;
    cli::Command probe_command;
    probe_command.name = "probe";
    probe_command.purpose = "log in, write, read and delete a small file";
    probe_command.synopsis = {"[-C DIR] [--json] [NODE ...]"};
    probe_command.common = {Common::directory, Common::json};
    probe_command.operands = {"NODE", 0, cli::k_any_number};
    probe_command.body = probe;
    const std::vector<const char*> arguments = with_command(argc, argv);
    return cli::run(
        static_cast<int>(arguments.size()), arguments.data(),
        {"nodes",
         "look at the nodes, try them out, and mark them",
         {list_command, probe_command,
          mark_command("drain", "put nothing new there; its copies are to leave", Mark::draining),
          mark_command("resume", "take the mark away", Mark::none),
          mark_command("readonly", "put nothing new there, and remove nothing", Mark::read_only)}});
}
