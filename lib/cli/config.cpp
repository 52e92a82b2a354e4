// The configuration: lines typed, checked and stored by Boost.Program_options, environment before file.
#include "cli/config.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"
#include "cli/cluster_root.hpp"
#include "cli/config_lines.hpp"
#include "cli/config_node.hpp"
#include "cli/config_section.hpp"
#include "cli/config_values.hpp"
#include "cli/real_paths.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

using Copies = Bounded<1, 1000>;
using QuietSeconds = Bounded<0, 86400>;
using Jobs = Bounded<1, 1024>;

const po::options_description& cluster_keys() {
    static const po::options_description keys = [] {
        po::options_description description;
        auto add = description.add_options();
        add("files", po::value<TextValue>());
        add("checksum", po::value<ChecksumValue>());
        add("keep-local", po::value<KeepLocal>());
        add("release-at-copies", po::value<Copies>());
        add("quiet", po::value<QuietSeconds>());
        add("jobs", po::value<Jobs>());
        add("log", po::value<LogValue>());
        return description;
    }();
    return keys;
}

/// NODESPOOL_KEY for each key of [cluster]; an empty variable counts as not set.
po::variables_map values_of_environment() {
    constexpr std::array<std::pair<const char*, const char*>, 7> variables = {
        {{"NODESPOOL_FILES", "files"},
         {"NODESPOOL_CHECKSUM", "checksum"},
         {"NODESPOOL_KEEP_LOCAL", "keep-local"},
         {"NODESPOOL_RELEASE_AT_COPIES", "release-at-copies"},
         {"NODESPOOL_QUIET", "quiet"},
         {"NODESPOOL_JOBS", "jobs"},
         {"NODESPOOL_LOG", "log"}}};
    po::variables_map values;
    for (const auto& [variable, key] : variables) {
        const char* const text = std::getenv(variable);
        if (text == nullptr || *text == '\0')
            continue;
        try {
            store_value(cluster_keys(), key, text, values);
        } catch (const BadValue& bad) {
            throw base::Error(base::ErrorClass::config,
                              fmt::format("the environment variable {}: found '{}', expected {}", variable,
                                          base::printable(text), bad.expected));
        }
    }
    return values;
}

void apply_cluster(const po::variables_map& values, Config& config) {
    if (const auto* files = find<TextValue>(values, "files"))
        config.files = files->value.starts_with('/') ? files->value : config.root + "/" + files->value;
    if (const auto* checksum = find<ChecksumValue>(values, "checksum"))
        config.checksum = checksum->value;
    if (const auto* keep_local = find<KeepLocal>(values, "keep-local"))
        config.keep_local = *keep_local;
    if (const auto* copies = find<Copies>(values, "release-at-copies"))
        config.release_at_copies = copies->value;
    if (const auto* quiet = find<QuietSeconds>(values, "quiet"))
        config.quiet = std::chrono::seconds(quiet->value);
    if (const auto* jobs = find<Jobs>(values, "jobs"))
        config.jobs = jobs->value;
    if (const auto* log = find<LogValue>(values, "log"))
        config.log = log->value;
}

/// With more than one copy to wait for, the local file goes in a later run, which must know it again.
void refuse_release_without_checksum(const Config& config, const std::string& file, unsigned line) {
    if (config.release_at_copies > 1 && config.keep_local == KeepLocal::no &&
        config.checksum == base::ChecksumKind::none)
        throw_config_error(
            file, line, fmt::format("release-at-copies = {} with checksum = none", config.release_at_copies),
            "checksum = sha256 or xxh3: a file is compared with it before it is taken away");
}

/// The lines of the nodes' sections, in their order.
using NodeLines = std::vector<unsigned>;

NodeLines read_sections(const std::string& text, const ConfigOrigin& origin, Config& config) {
    constexpr std::string_view node_prefix = "node.";
    po::variables_map from_file;
    unsigned cluster_line = 1;
    NodeLines lines;
    for (const ConfigSection& section : split_config(text, origin.file)) {
        if (section.name == "cluster") {
            cluster_line = section.line;
            from_file = values_of(section, cluster_keys(), origin.file);
            continue;
        }
        const std::string node_name =
            section.name.starts_with(node_prefix) ? section.name.substr(node_prefix.size()) : "";
        if (!base::is_node_name(node_name))
            throw_config_error(origin.file, section.line, "section " + quoted_key(section.name),
                               "[cluster] or [node.NAME], NAME of letters, digits, '_', '.' and '-'");
        node::NodeConfig node = read_node(section, node_name, origin);
        for (const node::NodeConfig& other : config.nodes) // two copies on it would be one
            if (other.url == node.url)
                throw_config_error(origin.file, section.line, "the url of node " + other.name,
                                   "a url that no other node has");
        config.nodes.push_back(std::move(node));
        lines.push_back(section.line);
    }
    po::variables_map values = values_of_environment();
    values.next(&from_file);
    apply_cluster(values, config);
    refuse_release_without_checksum(config, origin.file, cluster_line);
    return lines;
}

/// Copies in the file space would be taken for uploads, and uploads on a node for copies that nobody knows.
void refuse_node_among_uploads(const Config& config, const std::string& file, const NodeLines& lines) {
    for (std::size_t i = 0; i < config.nodes.size(); ++i) {
        const node::NodeConfig& node = config.nodes[i];
        if (node.local_directory.empty())
            continue;
        const std::string directory = real_path_so_far(node.local_directory);
        const auto in_files = below(config.files, directory);
        // What begins with a dot at the top of the file space is no upload.
        const bool is_among_uploads =
            in_files && (in_files->empty() || base::why_not_a_cluster_path(*in_files).empty());
        if (is_among_uploads || below(directory, config.files) || below(directory, config.root))
            throw_config_error(
                file, lines[i],
                fmt::format("the directory {} for node {}", base::printable(directory), node.name),
                fmt::format(
                    "one that is not in the file space {}, and holds neither that nor the cluster root",
                    base::printable(config.files)));
    }
}

/// A symbolic link to it is followed, as the programs do. One that is not there is nobody's.
void refuse_directory_of_strangers(const std::string& path, const std::string& what) {
    const auto status = base::status_at(base::k_cwd, path);
    if (!status)
        return;
    if (status->type != base::FileType::directory)
        refuse_directory_of_strangers(canonical_directory(path, what), what);
    else
        refuse_if_others_can_write(path, *status);
}

} // namespace

Config load_config(const std::string& root_option, Passwords passwords) {
    Config config;
    config.root = find_cluster_root(root_option);
    config.files = config.root;
    const std::string file = config.root + "/.cluster.conf";
    const std::optional<ReadFile> conf = read_small_file(file);
    if (!conf)
        throw base::Error(base::ErrorClass::config,
                          base::printable(file) + " does not exist: make it, see nodespool.conf(5)");
    refuse_if_others_can_write(file, conf->status);
    refuse_directory_of_strangers(config.root, "the cluster root");
    refuse_directory_of_strangers(config.root + "/.queue", "the spool");
    refuse_directory_of_strangers(config.root + "/.links", "the catalogue");
    refuse_directory_of_strangers(config.root + "/.deleted", "the deleted files' catalogue");
    refuse_directory_of_strangers(config.root + "/.state", "the state directory");

    const NodeLines lines =
        read_sections(conf->text, {config.root, base::printable(file), conf->status.mode, passwords}, config);
    config.files = canonical_directory(config.files, "the file space (files)");
    refuse_node_among_uploads(config, base::printable(file), lines);
    return config;
}

} // namespace nodespool::cli
