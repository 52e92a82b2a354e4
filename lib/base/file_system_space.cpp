// Type and space of a file system.
#include "base/error.hpp"
#include "base/file_system.hpp"

#include <fmt/format.h>
#include <sys/vfs.h>

#include <array>
#include <utility>

namespace nodespool::base {

namespace {

/// statfs(2), "Filesystem type constants".
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 13> k_types = {{{0xEF53, "ext4"},
                                                                                 {0x58465342, "xfs"},
                                                                                 {0x9123683E, "btrfs"},
                                                                                 {0x2FC12FC1, "zfs"},
                                                                                 {0x01021994, "tmpfs"},
                                                                                 {0x6969, "nfs"},
                                                                                 {0xFF534D42, "cifs"},
                                                                                 {0xFE534D42, "smb3"},
                                                                                 {0x65735546, "fuse"},
                                                                                 {0x00C36400, "ceph"},
                                                                                 {0x4D44, "vfat"},
                                                                                 {0x2011BAB0, "exfat"},
                                                                                 {0x794C7630, "overlay"}}};

std::string name_of_type(std::uint32_t number) {
    for (const auto& [magic, name] : k_types)
        if (magic == number)
            return std::string(name);
    return fmt::format("{:#x}", number);
}

} // namespace

FileSystemSpace space_of(int fd, std::string_view path_for_errors) {
    struct statfs raw {};
    if (::fstatfs(fd, &raw) != 0)
        throw_errno("look at the file system of " + std::string(path_for_errors));
    const auto block = static_cast<std::uint64_t>(raw.f_bsize);
    FileSystemSpace space;
    space.type = name_of_type(static_cast<std::uint32_t>(raw.f_type));
    space.total_bytes = raw.f_blocks * block;
    space.available_bytes = raw.f_bavail * block;
    space.total_inodes = raw.f_files;
    space.available_inodes = raw.f_ffree;
    return space;
}

} // namespace nodespool::base
