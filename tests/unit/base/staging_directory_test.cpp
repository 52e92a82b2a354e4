// Staging directories: one process, one lock, and nothing left of those that died.
#include "base/file_system.hpp"
#include "base/staged_file.hpp"
#include "base/staging_directory.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace {

using namespace nodespool;
namespace fs = std::filesystem;

std::size_t entries_in(const fs::path& directory) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(directory))
        ++count;
    return count;
}

} // namespace

TEST_CASE("a staging directory is left alone while its owner lives, and goes with it") {
    const test::TempDir dir;
    const base::Fd parent = base::open_directory(dir.path());
    {
        const base::StagingDirectory staging(parent.get());
        base::StagedFile file(staging.fd(), "link", 0600, base::Guard::staging_directory);
        file.append("content");
        CHECK(base::clear_abandoned(parent.get(), dir.path()) == 0);
        file.sync();
        CHECK(file.rename_to(parent.get(), "named", base::Replace::yes));
        base::StagedFile unfinished(staging.fd(), "link", 0600, base::Guard::staging_directory);
    }
    CHECK(entries_in(dir.path()) == 1);
    CHECK(fs::file_size(fs::path(dir.path()) / "named") == 7);
}

TEST_CASE("what a dead process left in its staging directory is cleared away") {
    const test::TempDir dir;
    const base::Fd parent = base::open_directory(dir.path());
    const fs::path left = fs::path(dir.path()) / ".staging.0123456789abcdef.tmp";
    fs::create_directory(left);
    SUBCASE("nothing yet") {}
    SUBCASE("its lock, free") {
        std::ofstream(left / "lock") << "";
    }
    SUBCASE("its lock and link files") {
        std::ofstream(left / "lock") << "";
        std::ofstream(left / ".link.0123456789abcdef.tmp") << "half";
    }
    SUBCASE("link files, and no lock: it was not on disk yet when the power went") {
        std::ofstream(left / ".link.0123456789abcdef.tmp") << "half";
    }
    CHECK(base::clear_abandoned(parent.get(), dir.path()) == 1);
    CHECK(entries_in(dir.path()) == 0);
}

TEST_CASE("a directory that another program left is not touched") {
    const test::TempDir dir;
    const base::Fd parent = base::open_directory(dir.path());
    fs::create_directory(fs::path(dir.path()) / "keep.tmp");
    std::ofstream(fs::path(dir.path()) / "keep.tmp" / "lock") << "";
    CHECK(base::clear_abandoned(parent.get(), dir.path()) == 0);
    CHECK(entries_in(dir.path()) == 2);
}
