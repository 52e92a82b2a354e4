// The configuration: any text is one, or an error that names file and line and shows no secret.
#include "cli/config.hpp"

#include "base/error.hpp"
#include "fuzz/fuzzer.hpp"
#include "node/url.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <set>

using namespace nodespool;
using fuzz::demand;

namespace {

/// Stands in the inputs where a password would, and in the files beside the configuration.
constexpr std::string_view k_secret = "S3cr3t";

namespace fs = std::filesystem;

/// A cluster root with files that a configuration may name.
class Root {
  public:
    Root() {
        fs::create_directory(m_dir / "files");
        write("password", std::string(k_secret) + "\n");
        write("netrc", "machine h login u password " + std::string(k_secret) + "\n");
        test::write_file(m_dir / "readable", std::string(k_secret) + "\n");
    }
    void configure(std::string_view text) const { write(".cluster.conf", text); }
    [[nodiscard]] const std::string& path() const { return m_dir.path(); }
    [[nodiscard]] std::string conf() const { return m_dir / ".cluster.conf"; }

  private:
    void write(const std::string& name, std::string_view text) const {
        test::write_file(m_dir / name, text);
        fs::permissions(m_dir / name, fs::perms::owner_read | fs::perms::owner_write);
    }
    test::TempDir m_dir;
};

/// Does the secret stand only where secrets are expected: in the value of `url` or `password-command`?
bool is_secret_in_its_place(std::string_view text) {
    for (std::string_view line : fuzz::lines_of(text)) {
        if (line.find(k_secret) == line.npos)
            continue;
        const std::string_view key = line.substr(0, line.find('='));
        const std::vector<std::string_view> words = fuzz::words_of(key);
        if (key == line || words.size() != 1 || (words[0] != "url" && words[0] != "password-command"))
            return false;
    }
    return true;
}

void check_error(const base::Error& error, const Root& root, std::string_view text) {
    const std::string_view message = error.what();
    demand(error.error_class() == base::ErrorClass::config || error.error_class() == base::ErrorClass::io ||
               error.error_class() == base::ErrorClass::permission,
           "an error is one of the configuration or of what it names", message);
    if (error.error_class() ==
        base::ErrorClass::config) // others come from the system; cli::run() cleans them
        fuzz::demand_printable(message, "an error can be shown");
    demand(!is_secret_in_its_place(text) || message.find(k_secret) == message.npos, "no error shows a secret",
           message);
    if (message.starts_with("the file space (files) "))
        return;
    const std::uint64_t line = fuzz::number_after(message, root.conf() + ":");
    demand(line >= 1 && line <= fuzz::lines_of(text).size(), "the line is one of the file", message);
}

void check_node(const node::NodeConfig& node) {
    demand(node.weight >= 1 && node.weight <= 1000 && node.connections >= 1 && node.connections <= 256,
           "limits are within their bounds", node.name);
    const node::NodeUrl url = node::split_node_url(node.url, node.name);
    demand(url.password.empty(), "the url that is kept has no password", node.name);
    demand(url.without_password == node.url, "a url without password stays as it is", node.url);
}

void check_config(const cli::Config& config, const Root& root) {
    demand(config.root == root.path(), "the root is the one that was given", config.root);
    demand(fs::is_directory(config.files), "the file space is a directory", config.files);
    demand(config.release_at_copies >= 1 && config.release_at_copies <= 1000,
           "release-at-copies is within its bounds");
    demand(!config.jobs || (*config.jobs >= 1 && *config.jobs <= 1024), "jobs is within its bounds");
    std::set<std::string> names;
    std::set<std::string> urls;
    for (const node::NodeConfig& node : config.nodes) {
        demand(names.insert(node.name).second && urls.insert(node.url).second, "a node comes once",
               node.name);
        check_node(node);
    }
}

void check(const Root& root, std::string_view text, cli::Passwords passwords) {
    try {
        check_config(cli::load_config(root.path(), passwords), root);
    } catch (const base::Error& error) {
        check_error(error, root, text);
    }
}

} // namespace

/// The file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Root root;
    const std::string_view text = fuzz::text_of(data, size);
    root.configure(text);
    check(root, text, cli::Passwords::not_needed);
    // Which would run any command that an input holds.
    if (text.find("password-command") == text.npos)
        check(root, text, cli::Passwords::needed);
    return 0;
}
