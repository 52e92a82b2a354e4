// list-node: prints what nodes really hold, whatever the catalogue says.
#include "base/line_sorter.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "node/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace {

using namespace nodespool;

/// One line on its way out, without its newline.
using PrintLine = std::function<void(const std::string& name, const std::string& line)>;

std::vector<const node::NodeConfig*> chosen_nodes(const cli::Invocation& invocation,
                                                  const cli::Config& config) {
    std::vector<const node::NodeConfig*> chosen;
    for (const std::string& name : invocation.operands) {
        const auto found = std::find_if(config.nodes.begin(), config.nodes.end(),
                                        [&](const node::NodeConfig& node) { return node.name == name; });
        if (found == config.nodes.end()) {
            std::string names;
            for (const node::NodeConfig& node : config.nodes)
                names += (names.empty() ? "" : ", ") + node.name;
            throw base::Error(base::ErrorClass::usage, "unknown node '" + name + "'; the configuration has " +
                                                           (names.empty() ? "none" : names));
        }
        chosen.push_back(&*found);
    }
    return chosen;
}

std::string json_of(const std::string& node, const std::string& name, const node::ListedFile& file) {
    cli::Json object;
    object["node"] = node;
    object["name"] = name;
    object["size"] = nullptr;
    object["mtime"] = nullptr;
    if (file.size_bytes)
        object["size"] = *file.size_bytes;
    if (file.mtime)
        object["mtime"] = base::format_time(*file.mtime);
    std::string line = cli::json_line(object);
    line.pop_back();
    return line;
}

std::string long_text_of(const std::string& node, const std::string& name, const node::ListedFile& file) {
    return fmt::format("{} {} {} {}", node, name, file.size_bytes ? std::to_string(*file.size_bytes) : "-",
                       file.mtime ? base::format_time(*file.mtime) : "-");
}

class NodeLister {
  public:
    explicit NodeLister(const cli::Invocation& invocation)
        : m_is_long(invocation.has("long")),
          m_is_json(invocation.format == cli::OutputFormat::json),
          m_is_sorted(invocation.has("sort")),
          m_is_verbose(invocation.verbosity == cli::Verbosity::verbose) {}

    /// What was listed before it throws NodeError is printed too.
    void list(const node::NodeConfig& node) const {
        const std::unique_ptr<node::Session> session = node::make_session(node);
        if (m_is_verbose)
            for (const std::string& feature : session->features())
                base::log(base::LogLevel::debug, {{"node", node.name}, {"feature", feature}});
        if (!m_is_sorted) {
            list(node.name, *session,
                 [](const std::string&, const std::string& line) { cli::print(line + "\n"); });
            return;
        }
        base::LineSorter sorter;
        std::exception_ptr broken_off;
        try {
            // No encoded name holds a blank: what is before the first one is what is sorted by.
            list(node.name, *session,
                 [&](const std::string& name, const std::string& line) { sorter.add(name + ' ' + line); });
        } catch (const node::NodeError&) {
            broken_off = std::current_exception();
        }
        sorter.finish();
        while (const std::optional<std::string> line = sorter.next())
            cli::print(line->substr(line->find(' ') + 1) + "\n");
        if (broken_off)
            std::rethrow_exception(broken_off);
    }

  private:
    void list(const std::string& node, node::Session& session, const PrintLine& print_line) const {
        std::uint64_t files = 0;
        std::uint64_t bytes = 0;
        session.list(
            [&](const node::ListedFile& file) {
                ++files;
                bytes += file.size_bytes.value_or(0);
                const std::string name = base::encode_name(file.name);
                print_line(name, m_is_json   ? json_of(node, name, file)
                                 : m_is_long ? long_text_of(node, name, file)
                                             : node + ' ' + name);
            },
            m_is_json || m_is_long ? node::Times::exact : node::Times::as_listed);
        base::log(base::LogLevel::info, {{"node", node},
                                         {"files", std::to_string(files)},
                                         {"bytes", std::to_string(bytes)},
                                         {"result", "listed"}});
    }

    bool m_is_long;
    bool m_is_json;
    bool m_is_sorted;
    bool m_is_verbose;
};

void list_nodes(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::needed);
    const NodeLister lister(invocation);
    for (const node::NodeConfig* node : chosen_nodes(invocation, config)) {
        try {
            lister.list(*node);
        } catch (const node::NodeError& error) {
            // Standard output holds what came before it: let both stand in order where they go to one place.
            cli::flush_output();
            base::log(base::LogLevel::error, {{"node", node->name},
                                              {"result", "not-listed"},
                                              {"failure", std::string(node::to_string(error.failure()))},
                                              {"msg", error.what()}});
            status.note(cli::Condition::resubmitted);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    nodespool::cli::Command command;
    command.synopsis = {"[-lqv] [-C DIR] [--json] [--sort] NODE ..."};
    command.common = {cli::Common::directory, cli::Common::verbose, cli::Common::quiet, cli::Common::json};
    command.options.add_options()("long,l", "print NODE NAME SIZE MTIME")("sort", "in the order of names");
    command.operands = {"NODE", 1, cli::k_any_number};
    command.body = list_nodes;
    return cli::run(argc, argv, {"list-node", "list what a node really holds", {command}});
}
