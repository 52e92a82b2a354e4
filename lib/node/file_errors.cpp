// The table from errno to failure classes.
#include "node/file_errors.hpp"

#include <cerrno>

namespace nodespool::node {

std::optional<Failure> failure_of_errno(int code) {
    switch (code) {
    case ENOSPC:
    case EDQUOT:
        return Failure::node_full;
    // As ext4 is after an error on its disk.
    case EROFS:
        return Failure::node_unwritable;
    // An NFS server or FUSE program that died, a disk that was pulled: no file will do better.
    case ESTALE:
    case ENOTCONN:
    case ENODEV:
    case ENXIO:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ECONNABORTED:
        return Failure::node_down;
    // The name or the file itself cannot be, or not with these rights.
    case EACCES:
    case EPERM:
    case EEXIST:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
    case EFBIG:
    case EINVAL:
    case EILSEQ:
        return Failure::permanent;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSYS:
        return std::nullopt;
    default: // EIO, ETIMEDOUT, EBUSY, EAGAIN, ENOENT after somebody removed a directory, ...
        return Failure::temporary;
    }
}

} // namespace nodespool::node
