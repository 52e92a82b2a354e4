// What a failed fsync(2) does to the data: Linux marks the pages clean, so that they may be gone, and the
// next fsync(2) of the same file succeeds (Rebello et al., "Can Applications Recover from fsync Failures?",
// 2020). Whoever tries again, and goes on, has lost them.
#pragma once

namespace shim {

enum class Scope { one_file, all_files };

/// A file that this process made, open for writing or not: nothing of it is on disk yet.
void note_new_file(int fd);
void note_synced(int fd, Scope scope);
/// Fills what was never synced with zeros: of this file, or of all that were noted. errno is kept.
void lose(int fd, Scope scope);

} // namespace shim
