// What check finds and repair works off: one line each, made to be read, filtered and piped.
#pragma once

#include "queue/job.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace nodespool::upkeep {

enum class FindingKind {
    orphan,     ///< on the node, and nothing on the cluster server explains it
    missing,    ///< a link file names it, and it is certainly not on the node
    size,       ///< on the node with another size than the link file says
    content,    ///< on the node with another content than the link file's checksum says
    too_few,    ///< "short": fewer copies than were asked for, and no job to make more
    lost,       ///< a link file without any copy
    gone,       ///< a `gone` line whose `remove` job was never queued
    unreadable, ///< a link file that cannot be understood
};

std::string_view to_string(FindingKind kind);

/// One finding. Names are encoded in its line, raw in here.
///
///     orphan     NODE NAME SIZE
///     missing    NODE NAME FILE SIZE
///     size       NODE NAME FILE EXPECTED FOUND
///     content    NODE NAME FILE EXPECTED FOUND
///     short      FILE SIZE MTIME HAVE WANTED
///     lost       FILE SIZE MTIME
///     gone       NODE NAME FILE
///     unreadable FILE REASON...
struct Finding {
    FindingKind kind = FindingKind::orphan;
    std::string node;
    std::string name;             ///< on the node
    std::string path;             ///< cluster path of the link file
    std::uint64_t size_bytes = 0; ///< of `size` the one that is expected
    std::uint64_t found_bytes = 0;
    base::WrittenTime mtime;
    std::string expected_checksum;
    std::string found_checksum;
    unsigned have = 0;   ///< copies
    unsigned wanted = 0; ///< copies
    std::string reason;

    bool operator==(const Finding&) const = default;
};

/// Without newline; parse_finding() reads it back to the same finding.
std::string format_finding(const Finding& finding);

/// Is there nothing to read: a blank line, or a comment?
bool is_finding_comment(std::string_view line);

/// @throws queue::JobError "FILE:LINE:COLUMN: found X, expected Y"
Finding parse_finding(std::string_view line, const queue::LineOrigin& origin);

} // namespace nodespool::upkeep
