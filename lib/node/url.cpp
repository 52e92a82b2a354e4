// A strict reader for node URLs. It knows no session, so that reading a configuration needs no network
// library.
#include "node/url.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace nodespool::node {

namespace {

/// A mistake in the URL. The reason never quotes user, password, host or port: where a password holds a raw
/// `@`,
/// `/` or `:`, any of them may be a part of it.
struct Mistake {
    std::string reason;
};

struct ServerScheme {
    std::string_view name;
    Scheme scheme;
    std::uint16_t port; ///< where the URL names none
};

constexpr std::array<ServerScheme, 3> k_servers = {
    {{"ftp", Scheme::ftp, 21}, {"ftps", Scheme::ftps, 990}, {"sftp", Scheme::sftp, 0}}};

const char* const k_empty_component =
    "the directory has an empty component (an absolute path on a server begins with %2F)";

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool is_control(char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code < 0x20 || code == 0x7F;
}

std::string decode(std::string_view text, const std::string& what) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char byte = text[at];
        if (byte == '%') {
            const int high = at + 1 < text.size() ? hex_value(text[at + 1]) : -1;
            const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
            if (high < 0 || low < 0)
                throw Mistake{"a '%' in the " + what + " is not followed by two hex digits"};
            byte = static_cast<char>(high * 16 + low);
            at += 2;
        }
        if (is_control(byte))
            throw Mistake{"the " + what + " holds a control character"};
        decoded += byte;
    }
    return decoded;
}

void check_components(std::string_view path) {
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view component = path.substr(0, slash);
        if (component.empty())
            throw Mistake{k_empty_component};
        if (component == "." || component == "..")
            throw Mistake{"the directory has a '" + std::string(component) + "' component"};
        if (slash == std::string_view::npos)
            return;
        path.remove_prefix(slash + 1);
        if (path.empty())
            throw Mistake{k_empty_component};
    }
}

/// @p raw is what follows the slash after the host.
std::string directory_from(std::string_view raw) {
    std::string path = decode(raw, "directory");
    if (path.ends_with('/') && path != "/")
        path.pop_back();
    const bool absolute = path.starts_with('/');
    check_components(std::string_view(path).substr(absolute ? 1 : 0));
    return path;
}

std::uint16_t port_from(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0)
        throw Mistake{"the port is not a number from 1 to 65535"};
    return port;
}

bool is_host_byte(char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '.' || byte == '-' || byte == '_';
}

bool is_ipv6_byte(char byte) {
    return hex_value(byte) >= 0 || byte == ':' || byte == '.';
}

void split_host(std::string_view text, NodeUrl& url) {
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos)
            throw Mistake{"the '[' of an IPv6 address has no ']'"};
        url.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
        if (url.host.find(':') == std::string::npos ||
            !std::all_of(url.host.begin(), url.host.end(), is_ipv6_byte))
            throw Mistake{"between '[' and ']' stands no IPv6 address"};
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        url.host = text.substr(0, colon);
        rest = text.substr(colon);
        if (url.host.empty())
            throw Mistake{"the host is missing"};
        if (url.host.starts_with('-')) // which ssh would take for an option
            throw Mistake{"the host begins with '-'"};
        if (!std::all_of(url.host.begin(), url.host.end(), is_host_byte))
            throw Mistake{
                "the host holds a character that no host name has (in user and password, write '@', "
                "':', '/' and '%' as %40, %3A, %2F and %25)"};
    }
    if (rest.empty())
        return;
    if (rest.front() != ':')
        throw Mistake{"after the host stands neither ':PORT' nor '/'"};
    url.port = port_from(rest.substr(1));
}

/// `//[USER[:PASSWORD]@]HOST[:PORT]/[DIR]`, without the slashes at its front.
void split_server(std::string_view rest, NodeUrl& url) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view authority = rest.substr(0, slash);
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        const std::string_view login = authority.substr(0, at);
        authority.remove_prefix(at + 1);
        const std::size_t colon = std::min(login.find(':'), login.size());
        url.user = decode(login.substr(0, colon), "user");
        if (url.user.empty())
            throw Mistake{"the user before '@' is empty"};
        if (colon < login.size())
            url.password = decode(login.substr(colon + 1), "password");
        url.without_password += std::string(login.substr(0, colon)) + '@';
    }
    split_host(authority, url);
    const std::string_view raw_path = slash < rest.size() ? rest.substr(slash + 1) : std::string_view();
    if (raw_path.starts_with('/'))
        throw Mistake{k_empty_component};
    url.directory = directory_from(raw_path);
    url.without_password += std::string(authority) + '/' + std::string(raw_path);
}

void split_file(std::string_view rest, NodeUrl& url) {
    if (!rest.starts_with('/'))
        throw Mistake{"a file: URL has three slashes and an absolute directory, as in file:///mnt/disk1"};
    const std::string below = directory_from(rest.substr(1));
    if (below.empty() || below.starts_with('/'))
        throw Mistake{"a file: URL names a directory below '/', as in file:///mnt/disk1"};
    url.directory = '/' + below;
    url.without_password = "file://" + std::string(rest);
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
    return lower;
}

NodeUrl split(std::string_view text) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos)
        throw Mistake{"it is no URL: expected ftp://, ftps:// or sftp://HOST/DIR, or file:///DIR"};
    const std::string scheme = lower_case(text.substr(0, colon));
    const std::string_view rest = text.substr(colon + 3);
    if (rest.find_first_of("?#;") != std::string_view::npos)
        throw Mistake{
            "it has a query, a fragment or a parameter (write a literal '?', '#' or ';' as %3F, %23 or "
            "%3B)"};
    NodeUrl url;
    const auto server = std::find_if(k_servers.begin(), k_servers.end(),
                                     [&](const ServerScheme& known) { return known.name == scheme; });
    if (server != k_servers.end()) {
        url.scheme = server->scheme;
        url.port = server->port;
        url.without_password = scheme + "://";
        split_server(rest, url);
    } else if (scheme == "file") {
        url.scheme = Scheme::file;
        split_file(rest, url);
    } else {
        throw Mistake{"its scheme is unknown: expected ftp://, ftps://, sftp:// or file://"};
    }
    return url;
}

} // namespace

NodeUrl split_node_url(std::string_view text, std::string_view node_name) {
    try {
        return split(text);
    } catch (const Mistake& mistake) {
        throw base::Error(base::ErrorClass::config,
                          "the url of node " + std::string(node_name) + " cannot be used: " + mistake.reason);
    }
}

} // namespace nodespool::node
