// The names of the kinds.
#include "base/checksum.hpp"

namespace nodespool::base {

std::string_view to_string(ChecksumKind kind) {
    switch (kind) {
    case ChecksumKind::none:
        return "none";
    case ChecksumKind::sha256:
        return "sha256";
    case ChecksumKind::xxh3:
        return "xxh3";
    }
    return "none";
}

std::optional<ChecksumKind> checksum_kind_of(std::string_view name) {
    for (const ChecksumKind kind : {ChecksumKind::none, ChecksumKind::sha256, ChecksumKind::xxh3})
        if (name == to_string(kind))
            return kind;
    return std::nullopt;
}

std::optional<ChecksumKind> kind_of_checksum(std::string_view checksum) {
    const std::optional<ChecksumKind> kind = checksum_kind_of(checksum.substr(0, checksum.find(':')));
    return kind == ChecksumKind::none ? std::nullopt : kind;
}

} // namespace nodespool::base
