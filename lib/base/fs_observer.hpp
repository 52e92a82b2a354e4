// The file-system seam: tests watch, fail or die at any call that changes what is on disk.
#pragma once

#include <string_view>

namespace nodespool::base {

/// The calls that change state on disk, as lib/base/file_system.hpp makes them.
enum class FsCall { create, write, truncate, sync, rename, unlink, make_directory, remove_directory };

/// Called before each such call, in the calling thread. It may throw SystemError, which the caller sees as
/// the call's own failure, or end the process, which is a crash at that point.
class FsObserver {
  public:
    FsObserver() = default;
    FsObserver(const FsObserver&) = delete;
    FsObserver& operator=(const FsObserver&) = delete;
    virtual ~FsObserver() = default;
    virtual void before(FsCall call, std::string_view path) = 0;
};

/// Installs @p observer for this process (nullptr: none, as in production). Not while other threads run.
void set_fs_observer(FsObserver* observer);

} // namespace nodespool::base
