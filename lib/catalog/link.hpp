// Link files: the record of one cluster file and where its copies are.
#pragma once

#include "base/timestamp.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::catalog {

/// One copy on a node. @c rest is what follows the name on its line (attributes such as `by=JOB`), kept as it
/// is.
struct Copy {
    std::string node;
    std::string name;
    std::string rest;

    bool operator==(const Copy&) const = default;
    [[nodiscard]] bool is_same_place(const Copy& other) const {
        return node == other.node && name == other.name;
    }
};

/// A link file, read. Format (nodespool-queue(5)):
///
///     PATH SIZE OWNER MTIME
///     checksum KIND:HEX
///     server NODE NAME [KEY=VALUE...]
///     gone NODE NAME
///     copies N
struct Link {
    std::string path; ///< raw cluster path
    std::uint64_t size_bytes = 0;
    std::uint32_t owner_uid = 0;
    base::WrittenTime mtime;
    std::string checksum; ///< `KIND:HEX`, empty: none recorded
    std::vector<Copy> servers;
    std::vector<Copy> gone; ///< no longer wanted, and their `remove` jobs are not known to be durable
    unsigned copies = 0;    ///< the most copies that were ever asked for; 0: not recorded
    std::vector<std::string> other_lines; ///< lines that this version does not understand, as they stand

    /// Is this the version of the file with that size and time?
    [[nodiscard]] bool records(std::uint64_t size, base::Timestamp time) const {
        return size_bytes == size && mtime.matches(time);
    }
    [[nodiscard]] bool has_copy(const Copy& copy) const;
};

/// @throws base::Error bad_input "FILE:LINE: found ..., expected ..." where the first line or a known one is
/// malformed
Link parse_link(std::string_view text, const std::string& file_for_errors);

/// The same, of an open link file.
Link read_link(int fd, const std::string& file_for_errors);

std::string format_link(const Link& link);

} // namespace nodespool::catalog
