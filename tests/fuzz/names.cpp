// Names: their text, what a path or a name on a node may be, the names of copies, and node URLs.
#include "base/error.hpp"
#include "base/path_name.hpp"
#include "fuzz/fuzzer.hpp"
#include "node/remote_name.hpp"
#include "node/url.hpp"
#include "processor/copy_name.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

using namespace nodespool;
using fuzz::demand;
using node::NodeUrl;

namespace {

bool has_control_byte(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; });
}

/// Has it an empty, `.` or `..` component?
bool leads_elsewhere(std::string_view path) {
    for (;;) {
        const std::size_t slash = path.find('/');
        const std::string_view component = path.substr(0, slash);
        if (component.empty() || component == "." || component == "..")
            return true;
        if (slash == path.npos)
            return false;
        path.remove_prefix(slash + 1);
    }
}

void check_encoding(std::string_view raw) {
    const std::string word = base::encode_name(raw);
    demand(base::decode_name(word) == raw, "what is encoded decodes to what it was", word);
    demand(word.find_first_of(" \t\r\n=") == word.npos && !word.starts_with('#'), "a name is one word", word);
    demand(word.empty() == raw.empty(), "only the empty name has no text", word);
    fuzz::demand_printable(word, "a name can be shown");
}

void check_decoding(std::string_view word) {
    try {
        const std::string raw = base::decode_name(word);
        const std::string again = base::encode_name(raw);
        demand(base::decode_name(again) == raw, "what decodes is a name", word);
        demand(again.size() <= word.size(), "a name is encoded no longer than it needs", word);
    } catch (const base::NameError& error) {
        demand(error.offset < word.size(), "an error points into the word", word);
        fuzz::demand_printable(error.found + error.expected, "an error can be shown");
    }
}

void check_printable(std::string_view text) {
    const std::string shown = base::printable(text);
    demand(!has_control_byte(shown), "what is shown has no control byte", shown);
    fuzz::demand_printable(shown, "what is shown stays as it is");
}

void check_paths(std::string_view raw) {
    const std::string path_objection = base::why_not_a_cluster_path(raw);
    const std::string name_objection = node::why_not_a_remote_name(raw);
    fuzz::demand_printable(path_objection + name_objection, "an objection can be shown");
    demand(!path_objection.empty() || (!leads_elsewhere(raw) && raw.find('\0') == raw.npos),
           "a cluster path leads nowhere else", raw);
    demand(!name_objection.empty() || (!leads_elsewhere(raw) && !has_control_byte(raw)),
           "a name on a node leads nowhere else, and breaks no command", raw);
    demand(!path_objection.empty() || !name_objection.empty() || raw.size() <= 4000, "names have an end");
    demand(!leads_elsewhere(raw) || (!path_objection.empty() && !name_objection.empty()),
           "both know what leads elsewhere", raw);
    const std::string_view parent = base::parent_of(raw);
    const std::string_view last = base::name_of(raw);
    demand(raw.find('/') == raw.npos ? parent.empty() && last == raw
                                     : std::string(parent) + '/' + std::string(last) == raw,
           "a path is its parent and its name", raw);
}

void check_copy_name(std::string_view raw) {
    const std::string name = processor::copy_name(raw, {1700000000, 0}, raw.size() * 0x9E3779B97F4A7C15U);
    demand(node::why_not_a_remote_name(name).empty(), "a copy can have its name", name);
    demand(std::all_of(name.begin(), name.end(),
                       [](unsigned char c) {
                           return c < 0x80 && (std::isalnum(c) != 0 ||
                                               std::string_view("/._-").find(static_cast<char>(c)) !=
                                                   std::string_view::npos);
                       }),
           "a copy's name is plain", name);
    constexpr std::size_t k_most = std::string_view("00/00/20231114-221320-0123456789abcdef-").size() + 100;
    demand(name.size() <= k_most, "a copy's name is short", name);
}

std::optional<NodeUrl> split(std::string_view text) {
    try {
        return node::split_node_url(text, "n1");
    } catch (const base::Error& error) {
        demand(error.error_class() == base::ErrorClass::config, "an error is one of the configuration");
        fuzz::demand_printable(error.what(), "an error can be shown");
        return std::nullopt;
    }
}

void check_url(std::string_view text) {
    const std::optional<NodeUrl> url = split(text);
    if (!url)
        return;
    const bool is_file = url->scheme == node::Scheme::file;
    demand(url->host.empty() == is_file && !url->host.starts_with('-'), "a host is no option", url->host);
    demand(!has_control_byte(url->user + url->password + url->host + url->directory),
           "no part breaks a command", text);
    const std::string_view directory = url->directory;
    demand(!is_file || directory.size() > 1, "a directory is below /", directory);
    demand(!is_file || directory.starts_with('/'), "a directory is absolute", directory);
    const std::string_view below = directory.substr(directory.starts_with('/') ? 1 : 0);
    demand(below.empty() || !leads_elsewhere(below), "a directory leads nowhere else", directory);
    const std::optional<NodeUrl> again = split(url->without_password);
    demand(again.has_value(), "a url without its password is one", url->without_password);
    demand(again->password.empty() && again->without_password == url->without_password,
           "a url without its password has none", url->without_password);
    demand(again->scheme == url->scheme && again->user == url->user && again->host == url->host &&
               again->port == url->port && again->directory == url->directory,
           "a url without its password is the same node", url->without_password);
}

} // namespace

/// A name, as raw bytes and as text, or a URL.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_encoding(text);
    check_decoding(text);
    check_printable(text);
    check_paths(text);
    check_copy_name(text);
    check_url(text);
    return 0;
}
