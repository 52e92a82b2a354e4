// One sync for many files, where little else waits for the disk.
#include "base/file_system.hpp"
#include "base/fs_observer.hpp"
#include "base/group_sync.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <limits>
#include <memory>

namespace {

using namespace nodespool;

class CountingObserver final : public base::FsObserver {
  public:
    CountingObserver() { base::set_fs_observer(this); }
    ~CountingObserver() override { base::set_fs_observer(nullptr); }
    void before(base::FsCall call, std::string_view) override { syncs += call == base::FsCall::sync ? 1 : 0; }
    int syncs = 0;
};

/// Stages @p count files, syncs them together, and gives them their names. @return how many syncs that took
int syncs_of(int count, std::uint64_t little_dirty_bytes) {
    const test::TempDir dir;
    const base::Fd parent = base::open_directory(dir.path());
    std::vector<std::unique_ptr<base::StagedFile>> files;
    std::vector<base::StagedFile*> together;
    for (int i = 0; i < count; ++i) {
        files.push_back(std::make_unique<base::StagedFile>(parent.get(), "file", 0600));
        files.back()->append("content");
        together.push_back(files.back().get());
    }
    const CountingObserver observer;
    base::sync_together(together, little_dirty_bytes);
    for (int i = 0; i < count; ++i)
        CHECK(files[static_cast<std::size_t>(i)]->rename_to(parent.get(), std::to_string(i),
                                                            base::Replace::no));
    for (int i = 0; i < count; ++i)
        CHECK(std::filesystem::file_size(dir / std::to_string(i)) == 7);
    return observer.syncs;
}

constexpr std::uint64_t k_any = std::numeric_limits<std::uint64_t>::max();

} // namespace

TEST_CASE("many staged files take one sync, few take one each") {
    CHECK(syncs_of(0, k_any) == 0);
    CHECK(syncs_of(3, k_any) == 3);
    CHECK(syncs_of(20, k_any) == 1); // Linux 5.8, which the tests need
}
