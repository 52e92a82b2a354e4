// The file system as nodespool uses it: thin, checked calls on descriptors. Every raw system call is made
// here.
//
// A call either does what it says or throws SystemError naming the call and the file. Where one outcome is
// expected and means something ("not there", "name taken"), it is in the return value, so that "absent" and
// "could not look" stay two answers. Paths are relative to the directory descriptor; k_cwd stands for the
// working directory.
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/timestamp.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::base {

extern const int k_cwd;

enum class FileType { regular, directory, symlink, other };

/// What statx(2) tells of a file.
struct FileStatus {
    FileType type = FileType::other;
    dev_t device = 0;
    ino_t inode = 0;
    std::uint64_t size_bytes = 0;
    Timestamp mtime;
    Timestamp ctime;
    /// Birth time where the file system records one, else 0.
    Timestamp btime;
    mode_t mode = 0; ///< permission bits only
    uid_t uid = 0;
    gid_t gid = 0;
    std::uint32_t links = 0;

    /// How long nothing has changed about it, in seconds: neither content nor inode. A modification time in
    /// the future says nothing, a client may set any. Where the change time is more than a day ahead, the
    /// clock was set back since: that day.
    [[nodiscard]] double rested_s(Timestamp now) const;
    [[nodiscard]] bool is_same_file(const FileStatus& other) const {
        return device == other.device && inode == other.inode;
    }
    /// Same file with the same content, as far as size and time tell.
    [[nodiscard]] bool is_same_version(const FileStatus& other) const {
        return is_same_file(other) && size_bytes == other.size_bytes && mtime == other.mtime;
    }
};

// --- looking
// ---------------------------------------------------------------------------------------------------
FileStatus status_of(int fd, std::string_view path_for_errors);
/// Does not follow a link at the last component. nullopt: no such file, or a parent that is missing or no
/// directory.
std::optional<FileStatus> status_at(int dir_fd, const std::string& path);

/// A directory that is held open, and the path that it was opened by.
struct HeldDirectory {
    int fd = -1;
    std::string path;
};
/// Somebody replaced a directory that is held, from a backup or by a mount: what is done in the old one is
/// lost, now and later.
class Replaced : public Error {
  public:
    explicit Replaced(const std::string& path);
};
/// Does the path still lead to the directory that is held? @throws Replaced where it leads to another one by
/// now, or to none
void ensure_in_place(const HeldDirectory& held);

// --- opening
// ---------------------------------------------------------------------------------------------------
/// openat(2) with O_CLOEXEC added. @p flags as in open(2); O_CREAT counts as a change of state.
Fd open_at(int dir_fd, const std::string& path, int flags, mode_t mode = 0);
/// The same; nullopt where it is not there.
std::optional<Fd> try_open_at(int dir_fd, const std::string& path, int flags);
/// For reading, and only a regular file itself: a link, a FIFO, a directory count as not there.
std::optional<Fd> try_open_regular(int dir_fd, const std::string& path);
Fd open_directory(const std::string& path);
/// The same; a descriptor that is not open where there is no such directory.
Fd open_directory_if_there(const std::string& path);

/// How open_beneath() ended where it did not open the file.
enum class NotOpened { missing, symlink_or_escape, not_allowed };
struct BeneathResult {
    Fd fd;
    NotOpened why = NotOpened::missing; ///< meaningful only where fd is not open
};
/// Another process holds a lease on the file that its opener would have to wait for (Samba's oplocks, NFS
/// delegations; F_SETLEASE in fcntl(2)): it may have it open for writing.
class LeaseHeld : public SystemError {
  public:
    using SystemError::SystemError;
};

/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, O_CLOEXEC, O_NONBLOCK,
/// O_NOFOLLOW: no planted link or rename can lead out of @p dir_fd, and no FIFO can block. Other failures
/// throw.
/// @throws LeaseHeld where it would have to wait for a lease; find_beneath() never has to
BeneathResult open_beneath(int dir_fd, const std::string& path, int flags);
/// The same for a mere handle on it (O_PATH), whatever it is and whoever may read it: for looking, and for
/// names below it.
BeneathResult find_beneath(int dir_fd, const std::string& path);

/// A second description of the same file, made through its name and checked to be the same inode; nullopt
/// where the name means another file by now.
std::optional<Fd> reopen_same(int dir_fd, const std::string& name, const FileStatus& same_as, int flags);

// --- reading and writing
// ---------------------------------------------------------------------------------------
/// Bytes read, 0 at the end. Retries EINTR.
std::size_t read_some(int fd, char* into, std::size_t size, std::string_view path_for_errors);
std::size_t read_some_at(int fd, char* into, std::size_t size, std::uint64_t offset,
                         std::string_view path_for_errors);
/// The whole file; throws bad_input where it is larger than @p limit_bytes.
std::string read_whole(int fd, std::size_t limit_bytes, std::string_view path_for_errors);
void write_all(int fd, std::string_view bytes, std::string_view path_for_errors);
void write_all_at(int fd, std::string_view bytes, std::uint64_t offset, std::string_view path_for_errors);
void truncate_to(int fd, std::uint64_t size, std::string_view path_for_errors);
/// Starts writing the file's dirty pages without waiting, so that the syncs of a group overlap. Only a hint.
void start_writeback(int fd);

// --- durability
// ------------------------------------------------------------------------------------------------
/// fsync(2). A failure is final for the data: it is never retried, the file is written anew or the operation
/// fails.
void sync_file(int fd, std::string_view path_for_errors);
/// fsync(2) of a directory: the names made, renamed or removed in it before are durable after.
void sync_directory(int dir_fd, std::string_view path_for_errors);
void sync_directory(const std::string& path);
/// syncfs(2) of the file system that @p fd lies on: all that was written to it before is on disk after.
/// Before Linux 5.8 it does not tell of what could not be written.
void sync_file_system(int fd, std::string_view path_for_errors);

// --- names
// -----------------------------------------------------------------------------------------------------
void rename_at(int from_dir, const std::string& from, int to_dir, const std::string& to);
/// renameat2(2) with RENAME_NOREPLACE. false: the new name is taken. Throws where the old name is missing.
bool rename_no_replace(int from_dir, const std::string& from, int to_dir, const std::string& to);
/// false: it was not there.
bool unlink_at(int dir_fd, const std::string& name);
/// false: it was there already (as a directory; anything else throws).
bool make_directory_at(int dir_fd, const std::string& name, mode_t mode);
/// false: not empty, or not there.
bool remove_directory_at(int dir_fd, const std::string& name);
/// Makes @p name under @p dir_fd with all parents, mode as given, each new entry synced into its parent
/// directory before the next is made. Throws SystemError ENOTDIR where a component is a file.
void make_directories_durably(int dir_fd, const std::string& name, mode_t mode);

// --- locks and writers
// -----------------------------------------------------------------------------------------
enum class LockWait { no, yes };
/// An exclusive flock(2) that lives as long as the descriptor. false: another holds it (LockWait::no only).
/// Where the file system cannot lock, throws CannotLock: nodespool never runs unlocked.
bool lock_exclusively(int fd, LockWait wait, std::string_view path_for_errors);

enum class Writers { none, some, cannot_tell };
/// Has any process the file open for writing? A read lease (fcntl F_SETLEASE, released at once) tells; @p fd
/// must be read-only, and the caller the file's owner or CAP_LEASE, else cannot_tell.
Writers writers_of(int fd);

/// Calls @p visit for each entry of the directory except "." and "..", in no order. Stops early when it
/// returns false.
void for_each_entry(int dir_fd, std::string_view path_for_errors,
                    const std::function<bool(const std::string& name)>& visit);
/// The same, with what each entry is (a link is not followed), without a look at each where the file system
/// tells. An entry that vanishes meanwhile may be left out.
void for_each_typed_entry(int dir_fd, std::string_view path_for_errors,
                          const std::function<bool(const std::string& name, FileType type)>& visit);

/// What statfs(2) tells of the file system that @p fd is on.
struct FileSystemSpace {
    std::string type; ///< "ext4", "xfs"; "0x..." where the number has no name here
    std::uint64_t total_bytes = 0;
    std::uint64_t available_bytes = 0; ///< to users other than root
    std::uint64_t total_inodes = 0;    ///< 0 where there is no fixed number
    std::uint64_t available_inodes = 0;
};
FileSystemSpace space_of(int fd, std::string_view path_for_errors);

// --- identity
// --------------------------------------------------------------------------------------------------
std::string host_name();
int process_id();
uid_t effective_user();
/// Makes a directory that the users of group `nodespool` share (2770, that group where it exists), durably.
/// One that is there stays as it is.
void make_shared_directory(const std::string& path);
/// chmod(2) on the descriptor, not narrowed by the umask.
void set_mode(int fd, mode_t mode, std::string_view path_for_errors);
/// From the kernel's random source.
std::uint64_t random_64_bits();
/// Raises the soft limit of open files to the hard one, at most @p wanted; returns what is in force.
std::size_t raise_open_file_limit(std::size_t wanted);
/// How many of @p wanted things that hold @p each descriptors may be open at once, at least one, so that some
/// are left for all else. Raises the soft limit for them.
std::size_t within_open_file_limit(std::size_t wanted, std::size_t each);

} // namespace nodespool::base
