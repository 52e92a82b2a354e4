// Status codes as failure classes, and the look for free space.
#include "node/sftp_errors.hpp"

#include <algorithm>
#include <utility>

namespace nodespool::node {

namespace {

constexpr std::string_view k_statvfs = "statvfs@openssh.com";
constexpr std::uint64_t k_read_only = 0x1; // of its f_flag

void add_verdict(SftpFields& fields, std::uint64_t wanted_bytes, SftpTrouble& trouble) {
    fields.u64(); // f_bsize
    const std::uint64_t block_bytes = fields.u64();
    fields.u64(); // f_blocks
    fields.u64(); // f_bfree
    const std::uint64_t available_blocks = fields.u64();
    const std::uint64_t files = fields.u64();
    fields.u64(); // f_ffree
    const std::uint64_t available_files = fields.u64();
    fields.u64(); // f_fsid
    const std::uint64_t flags = fields.u64();
    const bool has_space =
        available_blocks > 0 && available_blocks >= wanted_bytes / std::max<std::uint64_t>(block_bytes, 1);
    if ((flags & k_read_only) != 0) {
        trouble.failure = Failure::node_unwritable;
        trouble.text += "; its file system is read-only";
    } else if (!has_space || (files > 0 && available_files == 0)) {
        trouble.failure = Failure::node_full;
        trouble.text += "; its file system is full";
    }
}

} // namespace

Failure failure_of_status(SftpStatus status) {
    switch (status) {
    // The name or the file itself cannot be, or not with these rights. OpenSSH says bad_message for a name
    // that is too long.
    case SftpStatus::no_such_file:
    case SftpStatus::permission_denied:
    case SftpStatus::bad_message:
    case SftpStatus::unsupported:
        return Failure::permanent;
    case SftpStatus::ok:
    case SftpStatus::eof:
    case SftpStatus::failure:
    case SftpStatus::no_connection:
    case SftpStatus::connection_lost:
        return Failure::temporary;
    }
    return Failure::temporary; // one that the draft does not know
}

SftpTrouble trouble_of(const SftpReply::Status& status, const SftpConnection& connection) {
    const std::string code = "SFTP status " + std::to_string(static_cast<std::uint32_t>(status.code));
    return {failure_of_status(status.code),
            status.words.empty() ? code : connection.tellable(status.words) + " (" + code + ")"};
}

bool ask_for_space(SftpConnection& connection, std::string_view directory, std::uint64_t wanted_bytes,
                   SftpTrouble trouble, std::function<void(SftpTrouble)> then) {
    if (!connection.extensions().contains(std::string(k_statvfs)))
        return false;
    connection.send(
        SftpType::extended, [&](SftpOutput& fields) { fields.string(k_statvfs).string(directory); },
        [wanted_bytes, trouble = std::move(trouble), then = std::move(then)](SftpReply& reply) mutable {
            if (reply.is_or_status(SftpType::extended_reply))
                add_verdict(reply.fields, wanted_bytes, trouble);
            then(std::move(trouble));
        });
    return true;
}

std::string sftp_path(const std::string& root, std::string_view name) {
    if (root.empty())
        return name.empty() ? "." : std::string(name);
    if (name.empty())
        return root;
    return root + (root.ends_with('/') ? "" : "/") + std::string(name);
}

} // namespace nodespool::node
