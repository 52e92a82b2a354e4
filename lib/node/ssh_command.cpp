// Options of ssh(1), ssh_config(5).
#include "node/ssh_command.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

constexpr std::size_t k_longest_line = 400;

void add_option(std::vector<std::string>& arguments, const std::string& option) {
    arguments.emplace_back("-o");
    arguments.push_back(option);
}

/// The value of an option that names a file: ssh splits it at blanks, drops quotes, and reads `%` and `$` in
/// their own way.
std::string file_value(const std::string& path) {
    std::string value = "\"";
    for (const char byte : path) {
        if (byte == '%')
            value += '%';
        if (byte == '"' || byte == '\\')
            value += '\\';
        value += byte;
    }
    return value + '"';
}

void add_identity(std::vector<std::string>& arguments, const NodeConfig& config) {
    if (!config.identity_file.empty()) {
        add_option(arguments, "IdentityFile=" + file_value(config.identity_file));
        add_option(arguments, "IdentitiesOnly=yes");
    }
    if (config.password.empty()) {
        add_option(arguments, "BatchMode=yes");
    } else {
        add_option(arguments, "BatchMode=no");
        add_option(arguments, "NumberOfPasswordPrompts=1");
        add_option(arguments, "PreferredAuthentications=publickey,password,keyboard-interactive");
        add_option(arguments, "PasswordAuthentication=yes");
        add_option(arguments, "KbdInteractiveAuthentication=yes");
    }
}

void add_timeouts(std::vector<std::string>& arguments, const NodeConfig& config) {
    const auto at_least_one = [](std::chrono::seconds time) {
        return std::to_string(std::max<std::chrono::seconds::rep>(time.count(), 1));
    };
    add_option(arguments, "ConnectTimeout=" + at_least_one(config.connect_timeout));
    // Also while the session is idle, so that a connection that died is noticed before the next file.
    add_option(arguments, "ServerAliveInterval=" + at_least_one(config.stall_timeout / 2));
    add_option(arguments, "ServerAliveCountMax=2");
}

bool is_noise(std::string_view line) {
    return line.find_first_not_of("@ \t") == std::string_view::npos;
}

} // namespace

std::vector<std::string> ssh_arguments(const NodeConfig& config, const NodeUrl& url) {
    std::vector<std::string> arguments = {"ssh", "-T", "-a", "-x"};
    if (!config.ssh_config_file.empty()) {
        arguments.emplace_back("-F");
        arguments.push_back(config.ssh_config_file);
    }
    for (const char* option :
         {"StrictHostKeyChecking=yes", "ClearAllForwardings=yes", "ControlMaster=no", "ControlPath=none",
          "PermitLocalCommand=no", "RemoteCommand=none", "Tunnel=no", "LogLevel=ERROR"})
        add_option(arguments, option);
    if (!config.known_hosts_file.empty()) {
        add_option(arguments, "UserKnownHostsFile=" + file_value(config.known_hosts_file));
        add_option(arguments, "GlobalKnownHostsFile=none");
    }
    add_identity(arguments, config);
    add_timeouts(arguments, config);
    if (url.port != 0) {
        arguments.emplace_back("-p");
        arguments.push_back(std::to_string(url.port));
    }
    if (!config.user.empty()) {
        arguments.emplace_back("-l");
        arguments.push_back(config.user);
    }
    for (const std::string& last : {std::string("-s"), std::string("--"), url.host, std::string("sftp")})
        arguments.push_back(last);
    return arguments;
}

std::vector<std::string> ssh_variables(const std::string& askpass) {
    if (askpass.empty())
        return {};
    return {"SSH_ASKPASS=" + askpass, "SSH_ASKPASS_REQUIRE=force"};
}

std::string line_of_complaint(std::string_view complaint) {
    std::string line;
    while (!complaint.empty()) {
        const std::size_t end = std::min(complaint.find_first_of("\r\n"), complaint.size());
        const std::string_view part = complaint.substr(0, end);
        complaint.remove_prefix(std::min(end + 1, complaint.size()));
        if (!is_noise(part))
            line += (line.empty() ? "" : " ") + std::string(part);
    }
    if (line.size() > k_longest_line) // its end says what came of it
        line = "..." + line.substr(line.size() - k_longest_line);
    return line;
}

LoginFailure failure_of_login(std::string_view complaint) {
    // The server took the connection and hung up without a word: it has too many that are logging in
    // (MaxStartups, sshd_config(5)).
    if (complaint.find("kex_exchange_identification:") != std::string_view::npos)
        return {Failure::temporary, Refusal::connection};
    return {};
}

} // namespace nodespool::node
