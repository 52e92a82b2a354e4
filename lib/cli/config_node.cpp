// One node's section: its keys, its URL and where its password comes from.
#include "cli/config_node.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"
#include "cli/cluster_root.hpp"
#include "cli/config_section.hpp"
#include "cli/config_values.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

using TimeoutSeconds = Bounded<1, 86400>;
using Weight = Bounded<1, 1000>;
using Connections = Bounded<1, 256>;

const po::options_description& node_keys() {
    static const po::options_description keys = [] {
        po::options_description description;
        auto add = description.add_options();
        add("url", po::value<TextValue>());
        add("password-file", po::value<TextValue>());
        add("weight", po::value<Weight>());
        add("connections", po::value<Connections>());
        add("connect-timeout", po::value<TimeoutSeconds>());
        add("stall-timeout", po::value<TimeoutSeconds>());
        return description;
    }();
    return keys;
}

/// The first line of a file that only its owner can read.
std::string read_password(const std::string& path) {
    const auto refuse = [&](const std::string& why) {
        throw base::Error(base::ErrorClass::config, "the password file " + base::printable(path) + " " + why);
    };
    const std::optional<ReadFile> file = read_small_file(path);
    if (!file)
        refuse("does not exist");
    if ((file->status.mode & 0077U) != 0)
        refuse(fmt::format(
            "(owner {}, mode {:04o}) can be read by others than its owner: refused; chmod 0600 it",
            base::user_name(file->status.uid), file->status.mode));
    std::string password = file->text.substr(0, file->text.find('\n'));
    if (password.ends_with('\r'))
        password.pop_back();
    if (password.empty())
        refuse("has no password in its first line");
    for (const char c : password)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
            refuse("has a control byte in its first line");
    return password;
}

/// One section on its way to a NodeConfig.
struct NodeSection {
    const ConfigSection& section;
    const ConfigOrigin& origin;

    [[nodiscard]] unsigned line_of(std::string_view key) const {
        for (const ConfigEntry& entry : section.entries)
            if (entry.key == key)
                return entry.line;
        return section.line;
    }

    void read_url(const std::string& url, node::NodeConfig& node) const {
        try {
            node::parse_node_url(url, node);
        } catch (const base::Error& error) {
            throw base::Error(error.error_class(),
                              fmt::format("{}:{}: {}", origin.file, line_of("url"), error.what()));
        }
        if (!node.password.empty() && (origin.file_mode & 0077U) != 0)
            throw_config_error(origin.file, line_of("url"),
                               fmt::format("a password in a file of mode {:04o}", origin.file_mode),
                               "mode 0600, or the password in a file that password-file names");
    }

    void read_password_file(const std::string& name, node::NodeConfig& node) const {
        if (!node.password.empty())
            throw_config_error(origin.file, line_of("password-file"), "a password in the url too",
                               "one of the two");
        if (origin.passwords == Passwords::needed)
            node.password = read_password(name.starts_with('/') ? name : origin.root + "/" + name);
    }

    [[nodiscard]] node::NodeConfig read(const std::string& name) const {
        const po::variables_map values = values_of(section, node_keys(), origin.file);
        node::NodeConfig node;
        node.name = name;
        const auto* url = find<TextValue>(values, "url");
        if (url == nullptr)
            throw_config_error(origin.file, section.line, "[node." + name + "] without url",
                               "url = ftp://... or file:///...");
        read_url(url->value, node);
        if (const auto* password_file = find<TextValue>(values, "password-file"))
            read_password_file(password_file->value, node);
        if (const auto* weight = find<Weight>(values, "weight"))
            node.weight = weight->value;
        if (const auto* connections = find<Connections>(values, "connections"))
            node.connections = connections->value;
        if (const auto* seconds = find<TimeoutSeconds>(values, "connect-timeout"))
            node.connect_timeout = std::chrono::seconds(seconds->value);
        if (const auto* seconds = find<TimeoutSeconds>(values, "stall-timeout"))
            node.stall_timeout = std::chrono::seconds(seconds->value);
        return node;
    }
};

} // namespace

node::NodeConfig read_node(const ConfigSection& section, const std::string& node_name,
                           const ConfigOrigin& origin) {
    return NodeSection{section, origin}.read(node_name);
}

} // namespace nodespool::cli
