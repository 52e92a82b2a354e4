// A cluster root with a configuration, for what reads one.
#pragma once

#include "base/error.hpp"
#include "cli/config.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace nodespool::test {

/// A cluster root whose configuration has this text and mode.
class ConfiguredRoot {
  public:
    explicit ConfiguredRoot(const std::string& text, int mode = 0644) {
        write_file(conf(), text);
        std::filesystem::permissions(conf(), static_cast<std::filesystem::perms>(mode));
    }
    [[nodiscard]] const std::string& root() const { return m_dir.path(); }
    [[nodiscard]] std::string conf() const { return m_dir / ".cluster.conf"; }
    [[nodiscard]] std::string operator/(std::string_view name) const { return m_dir / name; }
    [[nodiscard]] cli::Config load(cli::Passwords passwords = cli::Passwords::needed) const {
        return cli::load_config(root(), passwords);
    }
    /// The message of the config error, with the root's path written as ROOT.
    [[nodiscard]] std::string refusal(cli::Passwords passwords = cli::Passwords::needed) const {
        std::string message = "accepted";
        try {
            (void)load(passwords);
        } catch (const base::Error& error) {
            CHECK(error.error_class() == base::ErrorClass::config);
            message = error.what();
        }
        for (std::size_t at = 0; (at = message.find(root())) != message.npos;)
            message.replace(at, root().size(), "ROOT");
        return message;
    }

  private:
    TempDir m_dir;
};

} // namespace nodespool::test
