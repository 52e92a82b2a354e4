// The table: configuration, marks, recorded health and one walk of the link files.
#include "table.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "catalog/walk.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "processor/node_marks.hpp"
#include "processor/node_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace nodespool::nodes_program {

namespace {

struct Held {
    std::uint64_t copies = 0;
    std::uint64_t bytes = 0;
};

struct Row {
    std::string node;
    const node::NodeConfig* config =
        nullptr; ///< null: not configured (any more), but marked or in link files
    processor::Mark mark = processor::Mark::none;
    std::optional<processor::RecordedHealth> health;
    Held held;

    [[nodiscard]] std::string state() const {
        if (config == nullptr)
            return "unconfigured";
        return health ? std::string(to_string(health->state)) : "unknown";
    }
};

std::map<std::string, Held> held_by_node(const cli::Config& config, cli::ExitStatus& status) {
    std::map<std::string, Held> held;
    const auto catalog = catalog::Catalog::open_existing(config.root);
    catalog::for_each_link(catalog, "", [&](const std::string& path) {
        try {
            if (const auto link = catalog.read(path))
                for (const catalog::Copy& copy : link->servers) {
                    ++held[copy.node].copies;
                    held[copy.node].bytes += link->size_bytes;
                }
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            status.note(cli::Condition::io);
        }
        return true;
    });
    return held;
}

/// In the order of the configuration, then the others by name.
std::vector<Row> rows_of(const cli::Config& config, cli::ExitStatus& status) {
    const processor::NodeMarks marks = processor::read_node_marks(config.root);
    const processor::RecordedHealths healths = processor::read_node_health(config.root);
    std::map<std::string, Held> held = held_by_node(config, status);
    for (const auto& [node, mark] : marks.all())
        held.try_emplace(node);
    std::vector<Row> rows;
    const auto add = [&](const std::string& node, const node::NodeConfig* node_config) {
        Row row{node, node_config, marks.of(node), std::nullopt, held[node]};
        if (const auto health = healths.find(node); health != healths.end())
            row.health = health->second;
        rows.push_back(std::move(row));
    };
    for (const node::NodeConfig& node : config.nodes)
        add(node.name, &node);
    for (const auto& entry : held)
        if (std::none_of(config.nodes.begin(), config.nodes.end(),
                         [&](const auto& node) { return node.name == entry.first; }))
            add(entry.first, nullptr);
    return rows;
}

std::string age_text(base::Timestamp then) {
    const std::int64_t seconds =
        std::max<std::int64_t>(0, std::llround(base::seconds_between(then, base::system_clock().now())));
    if (seconds < 120)
        return fmt::format("{} s", seconds);
    if (seconds < 7200)
        return fmt::format("{} min", seconds / 60);
    if (seconds < 172800)
        return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} d", seconds / 86400);
}

std::string last_error_text(const Row& row) {
    if (!row.health || !row.health->last_error)
        return "-";
    return age_text(row.health->last_error->time) + " ago: " + base::printable(row.health->last_error->text);
}

using Cells = std::vector<std::string>;

Cells cells_of(const Row& row) {
    return {row.node,
            row.state() + (row.mark == processor::Mark::none ? "" : "," + std::string(to_string(row.mark))),
            std::to_string(row.held.copies),
            std::to_string(row.held.bytes),
            row.config != nullptr ? std::to_string(row.config->connections) : "-",
            row.config != nullptr ? std::to_string(row.config->weight) : "-",
            row.config != nullptr ? row.config->url : "-",
            last_error_text(row)};
}

/// Every column but the last as wide as its widest cell; numbers to the right.
void print_table(const std::vector<Row>& rows) {
    std::vector<Cells> lines = {{"NODE", "STATE", "COPIES", "BYTES", "CONN", "WEIGHT", "URL", "LAST-ERROR"}};
    constexpr std::size_t k_first_number = 2;
    constexpr std::size_t k_last_number = 5;
    for (const Row& row : rows)
        lines.push_back(cells_of(row));
    std::vector<std::size_t> widths(lines.front().size());
    for (const Cells& line : lines)
        for (std::size_t column = 0; column + 1 < line.size(); ++column)
            widths[column] = std::max(widths[column], line[column].size());
    for (const Cells& line : lines) {
        std::string text;
        for (std::size_t column = 0; column < line.size(); ++column) {
            text += column == 0 ? "" : "  ";
            text += column >= k_first_number && column <= k_last_number
                        ? fmt::format("{:>{}}", line[column], widths[column])
                        : fmt::format("{:<{}}", line[column], widths[column]);
        }
        cli::print(text + "\n");
    }
}

cli::Json time_or_null(const std::optional<base::Timestamp>& time) {
    return time ? cli::Json(base::format_time(*time)) : cli::Json(nullptr);
}

void print_object(const Row& row) {
    cli::Json object;
    object["node"] = row.node;
    object["state"] = row.state();
    object["mark"] = row.mark == processor::Mark::none ? cli::Json(nullptr) : cli::Json(to_string(row.mark));
    object["copies"] = row.held.copies;
    object["bytes"] = row.held.bytes;
    if (row.config != nullptr) {
        object["connections"] = row.config->connections;
        object["weight"] = row.config->weight;
        object["url"] = row.config->url;
    }
    if (row.health) {
        object["since"] = base::format_time(row.health->since);
        object["last-error"] = row.health->last_error
                                   ? cli::Json(base::printable(row.health->last_error->text))
                                   : cli::Json(nullptr);
        object["last-error-time"] =
            time_or_null(row.health->last_error ? std::optional(row.health->last_error->time) : std::nullopt);
        object["last-success-time"] = time_or_null(row.health->last_success);
        object["by"] = row.health->program;
    }
    cli::print_json(object);
}

} // namespace

void list(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    const std::vector<Row> rows = rows_of(config, status);
    if (invocation.format == cli::OutputFormat::text)
        print_table(rows);
    else
        for (const Row& row : rows)
            print_object(row);
}

} // namespace nodespool::nodes_program
