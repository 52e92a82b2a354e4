// Which paths are looked at for a hidden file, and that one which is there is never missed.
#include "processor/hidden_files.hpp"
#include "support/world.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

using namespace nodespool;
using processor::Result;
using test::World;

namespace {

const std::shared_ptr<const void> k_claim = std::make_shared<int>(1);

void hide(World& world, const std::string& path) {
    world.upload(path, "hidden");
    const std::filesystem::path file = world.cluster.files + "/" + path;
    std::filesystem::rename(file, file.parent_path() / processor::hidden_name(path));
}

/// How many of @p count other paths in the directory need a look.
int looks_at_others(processor::HiddenFiles& hidden, const std::string& directory, int count) {
    int looks = 0;
    for (int number = 0; number < count; ++number)
        looks += hidden.may_have(fmt::format("{}/other{}", directory, number), k_claim) ? 1 : 0;
    return looks;
}

} // namespace

TEST_CASE("many paths of one directory are not looked at one by one, one that is hidden is") {
    World world;
    hide(world, "d/a");
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::HiddenFiles hidden(files);
    CHECK(hidden.may_have("d/a", k_claim));
    CHECK(looks_at_others(hidden, "d", 1000) < 100);
    CHECK(hidden.may_have("d/a", k_claim));
    CHECK_FALSE(hidden.may_have("d/b", k_claim));
    CHECK(hidden.may_have("e/b", k_claim)); // another directory
}

TEST_CASE("what was hidden before the next queue file was claimed is seen") {
    World world;
    hide(world, "d/a");
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::HiddenFiles hidden(files);
    looks_at_others(hidden, "d", 1000);
    hide(world, "d/b");
    const std::shared_ptr<const void> next = std::make_shared<int>(2);
    for (int number = 0; number < 1000; ++number)
        CHECK(hidden.may_have("d/b", next));
    CHECK(hidden.may_have("d/b", nullptr)); // no claim: no list holds
}

TEST_CASE("a directory that is much larger than the queue file is not read for it") {
    World world;
    world.upload("d/a", "a");
    for (int number = 0; number < 2000; ++number)
        std::ofstream(fmt::format("{}/d/{}", world.cluster.files, number));
    const processor::FileSpace files(world.cluster.files, world.cluster.quiet, base::system_clock());
    processor::HiddenFiles hidden(files);
    CHECK(looks_at_others(hidden, "d", 100) == 100);
    CHECK(looks_at_others(hidden, "d", 2000) < 1000);
}

TEST_CASE("what an earlier run hid is settled by its job among many stale ones") {
    World world;
    std::string lines;
    for (int number = 0; number < 200; ++number)
        lines += fmt::format("upload d/gone{} 0 1 1\n", number);
    world.upload("d/a", "old");
    const std::string old_line = world.upload_line("d/a");
    const std::filesystem::path file = world.cluster.files + "/d/a";
    std::filesystem::rename(file, file.parent_path() / processor::hidden_name("d/a"));
    world.upload("d/a", "another");
    world.queue("1.q", lines + old_line + "\n");
    world.store();
    CHECK_FALSE(std::filesystem::exists(file.parent_path() / processor::hidden_name("d/a")));
}
