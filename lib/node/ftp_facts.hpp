// What MLSD and MDTM say of a file (RFC 3659).
#pragma once

#include "base/timestamp.hpp"
#include "node/ftp_reply.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nodespool::node {

enum class EntryType {
    file,
    directory,
    self,   ///< the listed directory: `cdir`, or a directory named "."
    parent, ///< `pdir`, or a directory named ".."
    other   ///< links, devices and what else is neither file nor directory
};

/// One line of MLSD.
struct FtpFacts {
    EntryType type = EntryType::other;
    std::optional<std::uint64_t> size_bytes;
    std::optional<base::Timestamp> mtime;
    std::string_view name; ///< a view into the line
};

/// `type=file;size=12;modify=20261121163427.123; NAME` (RFC 3659 §7.2). nullopt: it is not of that form, says
/// no type, or its name cannot be that of an entry.
std::optional<FtpFacts> parse_facts(std::string_view line);

/// `YYYYMMDDHHMMSS[.FRACTION]` in UTC (RFC 3659 §2.3); nullopt for anything else.
std::optional<base::Timestamp> parse_ftp_time(std::string_view text);

/// Time from a reply to MDTM: "213 20261121163427". nullopt for any other reply.
std::optional<base::Timestamp> mtime_from(const FtpReply& reply);

} // namespace nodespool::node
