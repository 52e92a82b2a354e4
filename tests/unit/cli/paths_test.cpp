// From arguments to cluster paths.
#include "base/error.hpp"
#include "cli/paths.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace nodespool;
using test::TempDir;
using test::write_file;

namespace {

cli::Config config_for(const std::string& files) {
    cli::Config config;
    config.root = config.files = files;
    return config;
}

std::string refusal(const cli::Config& config, const std::string& argument) {
    try {
        return "accepted as " + cli::cluster_path_of(config, argument);
    } catch (const base::Error& error) {
        CHECK(error.error_class() == base::ErrorClass::usage);
        return error.what();
    }
}

} // namespace

TEST_CASE("a relative argument is relative to the file space, wherever the program runs") {
    const cli::Config config = config_for("/srv/ftp");
    CHECK(cli::cluster_path_of(config, "a/b c%20=#") == "a/b c%20=#");
    CHECK(cli::cluster_path_of(config, "sub/.hidden") == "sub/.hidden");
    CHECK(cli::cluster_path_of(config, "new\nline") == "new\nline");
}

TEST_CASE("an absolute argument loses the file space's path, whether the file exists or not") {
    const TempDir dir;
    const cli::Config config = config_for(dir.path());
    CHECK(cli::cluster_path_of(config, dir / "a/b") == "a/b");
    write_file(dir / "c/d", "");
    CHECK(cli::cluster_path_of(config, dir / "c/d") == "c/d");
}

TEST_CASE("an absolute argument may reach the file space through symbolic links and ..") {
    const TempDir dir;
    write_file(dir / "real/space/sub/file", "");
    std::filesystem::create_directory_symlink(dir / "real", dir / "link");
    std::filesystem::create_directory_symlink(dir / "real/space/sub", dir / "home");
    const cli::Config config = config_for(dir / "real/space");
    CHECK(cli::cluster_path_of(config, dir / "link/space/sub/file") == "sub/file");
    CHECK(cli::cluster_path_of(config, dir / "link/space/none/yet") == "none/yet");
    CHECK(cli::cluster_path_of(config, dir / "home/file") == "sub/file");
}

TEST_CASE("links below the file space are not followed") {
    const TempDir dir;
    write_file(dir / "space/sub/file", "");
    write_file(dir / "secret", "");
    std::filesystem::create_directory_symlink(dir / "space/sub", dir / "space/alias");
    std::filesystem::create_symlink(dir / "secret", dir / "space/planted");
    const cli::Config config = config_for(dir / "space");
    CHECK(cli::cluster_path_of(config, dir / "space/alias/file") == "alias/file");
    CHECK(cli::cluster_path_of(config, dir / "space/planted") == "planted");
}

TEST_CASE("arguments outside the file space and impossible paths are refused by name") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "space");
    std::filesystem::create_directory(dir / "spacecraft");
    const cli::Config config = config_for(dir / "space");
    CHECK(refusal(config, "/etc/passwd") == "'/etc/passwd': outside the file space " + dir.path() + "/space");
    CHECK(refusal(config, dir / "spacecraft/x").find("outside the file space") != std::string::npos);
    CHECK(refusal(config, dir / "space/../secret").find("'..' component") != std::string::npos);
    CHECK(refusal(config, "../x") == "'../x': found a '..' component, expected a path in the file space");
    CHECK(refusal(config, "a//b") == "'a//b': found an empty component, expected a path in the file space");
    CHECK(refusal(config, "a/").find("an empty component") != std::string::npos);
    CHECK(refusal(config, "").find("an empty name") != std::string::npos);
    CHECK(refusal(config, ".queue/x.q").find("begins with a dot") != std::string::npos);
    CHECK(refusal(config, dir / "space").find("an empty path") != std::string::npos);
    CHECK(refusal(config, std::string("a\0b", 3)).find("a NUL byte") != std::string::npos);
    CHECK(refusal(config, "a\n/../b").starts_with("'a\\x0A/../b'"));
}

TEST_CASE("a directory argument may be the file space itself or end with a slash") {
    const TempDir dir;
    const cli::Config config = config_for(dir.path());
    CHECK(cli::cluster_directory_of(config, ".").empty());
    CHECK(cli::cluster_directory_of(config, "./").empty());
    CHECK(cli::cluster_directory_of(config, dir.path()).empty());
    CHECK(cli::cluster_directory_of(config, dir / "").empty());
    CHECK(cli::cluster_directory_of(config, "a/b/") == "a/b");
    CHECK(cli::cluster_directory_of(config, dir / "a/b/") == "a/b");
    CHECK_THROWS_AS((void)cli::cluster_directory_of(config, "a//"), base::Error);
    CHECK_THROWS_AS((void)cli::cluster_directory_of(config, ".."), base::Error);
    CHECK_THROWS_AS((void)cli::cluster_directory_of(config, "/"), base::Error);
}

TEST_CASE("the file space may be the root of the file system") {
    const cli::Config config = config_for("/");
    CHECK(cli::cluster_path_of(config, "/a/b") == "a/b");
    CHECK(cli::cluster_directory_of(config, "/").empty());
}
