// One node's section: its keys, its URL, how it is trusted and where its password comes from.
#include "cli/config_node.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "cli/config_section.hpp"
#include "cli/config_values.hpp"
#include "cli/secrets.hpp"

#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

using node::Scheme;

using TimeoutSeconds = Bounded<1, 86400>;
using Weight = Bounded<1, 1000>;
using Connections = Bounded<1, 256>;

constexpr std::array<const char*, 3> k_password_sources = {"password-file", "netrc-file", "password-command"};

const po::options_description& node_keys() {
    static const po::options_description keys = [] {
        po::options_description description;
        auto add = description.add_options();
        add("url", po::value<TextValue>());
        add("tls", po::value<TlsValue>());
        add("tls-verify", po::value<TlsVerifyValue>());
        add("ca-file", po::value<TextValue>());
        add("identity-file", po::value<TextValue>());
        add("known-hosts-file", po::value<TextValue>());
        add("ssh-config-file", po::value<TextValue>());
        for (const char* const source : k_password_sources)
            add(source, po::value<TextValue>());
        add("weight", po::value<Weight>());
        add("connections", po::value<Connections>());
        add("connect-timeout", po::value<TimeoutSeconds>());
        add("stall-timeout", po::value<TimeoutSeconds>());
        return description;
    }();
    return keys;
}

std::string_view url_of(Scheme scheme) {
    switch (scheme) {
    case Scheme::ftp:
        return "an ftp:// url";
    case Scheme::ftps:
        return "an ftps:// url";
    case Scheme::sftp:
        return "an sftp:// url";
    case Scheme::file:
        return "a file:// url";
    }
    throw base::Error(base::ErrorClass::bug, "internal error: a URL scheme without a name");
}

/// Keys that mean something with some schemes only.
struct BoundKey {
    std::string_view key;
    std::initializer_list<Scheme> schemes;
    const char* expected;
};

const std::array<BoundKey, 9>& bound_keys() {
    static const std::array<BoundKey, 9> keys = {{
        {"tls", {Scheme::ftp}, "an ftp:// url"},
        {"tls-verify", {Scheme::ftp, Scheme::ftps}, "an ftp:// or ftps:// url"},
        {"ca-file", {Scheme::ftp, Scheme::ftps}, "an ftp:// or ftps:// url"},
        {"identity-file", {Scheme::sftp}, "an sftp:// url"},
        {"known-hosts-file", {Scheme::sftp}, "an sftp:// url"},
        {"ssh-config-file", {Scheme::sftp}, "an sftp:// url"},
        {"password-file", {Scheme::ftp, Scheme::ftps, Scheme::sftp}, "the url of a server"},
        {"netrc-file", {Scheme::ftp, Scheme::ftps, Scheme::sftp}, "the url of a server"},
        {"password-command", {Scheme::ftp, Scheme::ftps, Scheme::sftp}, "the url of a server"},
    }};
    return keys;
}

/// One section on its way to a NodeConfig.
class NodeSection {
  public:
    NodeSection(const ConfigSection& section, const std::string& name, const ConfigOrigin& origin)
        : m_section(section),
          m_origin(origin),
          m_values(values_of(section, node_keys(), origin.file)) {
        m_node.name = name;
    }

    node::NodeConfig read() {
        read_url();
        refuse_keys_that_do_not_fit();
        read_limits();
        read_tls();
        m_node.identity_file = existing_file("identity-file");
        m_node.known_hosts_file = existing_file("known-hosts-file");
        m_node.ssh_config_file = existing_file("ssh-config-file");
        read_password();
        return std::move(m_node);
    }

  private:
    [[nodiscard]] unsigned line_of(std::string_view key) const {
        for (const ConfigEntry& entry : m_section.entries)
            if (entry.key == key)
                return entry.line;
        return m_section.line;
    }

    [[noreturn]] void refuse(std::string_view key, const std::string& found,
                             const std::string& expected) const {
        throw_config_error(m_origin.file, line_of(key), found, expected);
    }

    /// Runs @p action; what it throws gets the file and line of @p key in front of it.
    template <typename Action>
    auto located(const char* key, Action&& action) const {
        try {
            return action();
        } catch (const base::Error& error) {
            throw base::Error(error.error_class(),
                              fmt::format("{}:{}: {}", m_origin.file, line_of(key), error.what()));
        }
    }

    [[nodiscard]] std::string path_of(const std::string& text) const {
        return text.starts_with('/') ? text : m_origin.root + "/" + text;
    }

    void read_url() {
        const auto* url = find<TextValue>(m_values, "url");
        if (url == nullptr)
            refuse("", "[node." + m_node.name + "] without url",
                   "url = ftp://..., ftps://..., sftp://... or file:///...");
        m_address = located("url", [&] { return node::parse_node_url(url->value, m_node); });
        if (!m_node.password.empty() && (m_origin.file_mode & 0077U) != 0)
            refuse("url", fmt::format("a password in a file of mode {:04o}", m_origin.file_mode),
                   "mode 0600, or the password in a file that password-file names");
    }

    void refuse_keys_that_do_not_fit() const {
        if (find<TlsValue>(m_values, "tls") != nullptr && m_address.scheme == Scheme::ftps)
            refuse("tls", "tls for an ftps:// url", "no tls key: with ftps:// TLS is implicit");
        for (const BoundKey& bound : bound_keys()) {
            const bool fits = std::find(bound.schemes.begin(), bound.schemes.end(), m_address.scheme) !=
                              bound.schemes.end();
            if (!fits && m_values.count(std::string(bound.key)) != 0)
                refuse(bound.key, fmt::format("{} for {}", bound.key, url_of(m_address.scheme)),
                       bound.expected);
        }
    }

    void read_limits() {
        if (const auto* weight = find<Weight>(m_values, "weight"))
            m_node.weight = weight->value;
        if (const auto* connections = find<Connections>(m_values, "connections"))
            m_node.connections = connections->value;
        if (const auto* seconds = find<TimeoutSeconds>(m_values, "connect-timeout"))
            m_node.connect_timeout = std::chrono::seconds(seconds->value);
        if (const auto* seconds = find<TimeoutSeconds>(m_values, "stall-timeout"))
            m_node.stall_timeout = std::chrono::seconds(seconds->value);
    }

    void read_tls() {
        if (m_address.scheme == Scheme::ftps)
            m_node.tls = node::Tls::implicit;
        if (const auto* tls = find<TlsValue>(m_values, "tls"))
            m_node.tls = tls->value;
        if (const auto* verify = find<TlsVerifyValue>(m_values, "tls-verify"))
            m_node.tls_verify = verify->value;
        m_node.ca_file = existing_file("ca-file");
        for (const char* const key : {"tls-verify", "ca-file"})
            if (m_node.tls == node::Tls::no && m_values.count(key) != 0)
                refuse(key, std::string(key) + " without TLS", "tls = require or try");
        if (!m_node.ca_file.empty() && m_node.tls_verify == node::TlsVerify::no)
            refuse("ca-file", "ca-file with tls-verify = no", "one of the two");
    }

    /// The path that @p key names; empty where there is no such key.
    [[nodiscard]] std::string existing_file(const char* key) const {
        const auto* const named = find<TextValue>(m_values, key);
        if (named == nullptr)
            return {};
        std::string path = path_of(named->value);
        if (m_origin.passwords == Passwords::not_needed) // by a user who may not even see it
            return path;
        const auto status = located(key, [&] { return base::status_at(base::k_cwd, path); });
        if (!status || status->type == base::FileType::directory)
            refuse(key, fmt::format("{} = '{}'", key, base::printable(named->value)),
                   status ? "a file, not a directory" : "a file that exists: " + base::printable(path));
        return path;
    }

    void read_password() {
        const char* source = m_node.password.empty() ? nullptr : "url";
        for (const char* const key : k_password_sources) {
            if (m_values.count(key) == 0)
                continue;
            if (source != nullptr)
                refuse(key,
                       source == std::string("url") ? "a password in the url too"
                                                    : std::string(source) + " too",
                       "one of the two");
            source = key;
        }
        if (source == nullptr || source == std::string("url") || m_origin.passwords == Passwords::not_needed)
            return;
        located(source, [&] { read_password_from(source, find<TextValue>(m_values, source)->value); });
    }

    void read_password_from(const std::string& source, const std::string& value) {
        if (source == "password-file") {
            m_node.password = password_from_file(path_of(value));
        } else if (source == "password-command") {
            m_node.password = password_from_command(value, "the password command of node " + m_node.name);
        } else {
            Login login = login_from_netrc(path_of(value), m_address.host, m_node.user);
            m_node.password = std::move(login.password);
            if (m_node.user.empty())
                m_node.user = std::move(login.user);
        }
    }

    const ConfigSection& m_section;
    const ConfigOrigin& m_origin;
    po::variables_map m_values;
    node::NodeConfig m_node;
    node::NodeAddress m_address{};
};

} // namespace

node::NodeConfig read_node(const ConfigSection& section, const std::string& node_name,
                           const ConfigOrigin& origin) {
    return NodeSection(section, node_name, origin).read();
}

} // namespace nodespool::cli
