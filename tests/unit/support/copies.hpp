// A cluster whose files are on its nodes already: copies and link files are put there by hand.
#pragma once

#include "base/file_system.hpp"
#include "processor/node_marks.hpp"
#include "support/world.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nodespool::test {

class CopyWorld : public World {
  public:
    /// Nodes n1, n2, ... up to @p nodes (at least 2).
    explicit CopyWorld(int nodes = 3) {
        for (int number = 3; number <= nodes; ++number) {
            node::NodeConfig config;
            config.name = "n" + std::to_string(number);
            std::filesystem::create_directory(root() + "/" + config.name);
            node::parse_node_url("file://" + root() + "/" + config.name, config);
            cluster.nodes.push_back(config);
        }
    }

    static catalog::Copy copy_of(const std::string& path, const std::string& node) {
        std::string name = path;
        std::replace(name.begin(), name.end(), '/', '_');
        return {node, "00/00/20261120-201503-0123456789abcdef-" + name, {}};
    }
    [[nodiscard]] std::string file_on(const std::string& path, const std::string& node) const {
        return root() + "/" + node + "/" + copy_of(path, node).name;
    }

    /// A file with a copy on each of @p nodes.
    void plant(const std::string& path, const std::string& content, const std::vector<std::string>& nodes,
               unsigned copies = 0) const {
        catalog::Link link;
        link.path = path;
        link.size_bytes = content.size();
        link.mtime = {{1700000000, 123456789}, 9};
        link.copies = copies;
        for (const std::string& node : nodes) {
            write_file(file_on(path, node), content);
            link.servers.push_back(copy_of(path, node));
        }
        put(link);
    }
    /// Replaces the link file.
    void put(const catalog::Link& link) const {
        const catalog::Catalog catalog(root());
        catalog::LinkBatch batch(catalog, {link.path});
        batch.replace(link);
        batch.commit();
    }

    void mark(const std::string& node, processor::Mark mark) const {
        processor::set_node_mark(root(), node, mark);
    }

    /// The nodes of its `server` lines, in their order: "n2,n3".
    [[nodiscard]] std::string nodes_of(const std::string& path) const {
        const auto record = link(path);
        std::string nodes;
        for (const catalog::Copy& copy : record.value().servers)
            nodes += (nodes.empty() ? "" : ",") + copy.node;
        return nodes;
    }
    /// Copies that its link file records and that are on their nodes with the recorded size.
    [[nodiscard]] std::size_t sound_copies(const std::string& path) const {
        const auto record = link(path);
        if (!record)
            return 0;
        return static_cast<std::size_t>(
            std::count_if(record->servers.begin(), record->servers.end(), [&](const catalog::Copy& copy) {
                std::error_code none;
                const std::string file = root() + "/" + copy.node + "/" + copy.name;
                return std::filesystem::file_size(file, none) == record->size_bytes && !none;
            }));
    }
    [[nodiscard]] std::vector<std::string> jobs_of(const std::string& keyword) const {
        std::vector<std::string> lines = jobs();
        std::erase_if(lines, [&](const std::string& line) { return !line.starts_with(keyword + " "); });
        std::sort(lines.begin(), lines.end());
        return lines;
    }

    /// Everything below the root, with contents and times of files, to see that nothing changed.
    [[nodiscard]] std::map<std::string, std::string> snapshot() const {
        std::map<std::string, std::string> all;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root()))
            all[entry.path().string()] =
                entry.is_regular_file()
                    ? read_file(entry.path()) + "@" +
                          std::to_string(entry.last_write_time().time_since_epoch().count())
                    : "";
        return all;
    }
};

} // namespace nodespool::test
