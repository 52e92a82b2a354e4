// Cluster paths, nodes' names and other names as text: the %XX form of queue files, link files, lists and
// JSON.
#pragma once

#include <string>
#include <string_view>

namespace nodespool::base {

/// Writes @p raw as one blank-free word: blanks, control characters (C0, DEL, C1), `%`, `=`, a leading `#`,
/// and every byte that is not part of well-formed UTF-8 become `%XX` (upper-case hex); all other UTF-8 stays
/// as it is. decode_name() gives @p raw back for every byte string.
std::string encode_name(std::string_view raw);

/// Thrown by decode_name(): where in the word, and what stands there.
struct NameError {
    std::size_t offset;
    std::string found;
    std::string expected;
};

/// Reads what encode_name() writes. Strict: a raw blank, control byte, `=`, leading `#`, ill-formed UTF-8 or
/// a `%` without two hex digits is an error. @throws NameError
std::string decode_name(std::string_view word);

/// Says why @p raw cannot be the path of a cluster file ("an empty component", "a '..' component", ...);
/// empty where it can. A cluster path is relative, has no empty, `.` or `..` component and no NUL, none of
/// its components is longer than 255 bytes, its first does not begin with a dot and none begins with
/// `.nodespool-` (those belong to nodespool itself, never to the file space).
std::string why_not_a_cluster_path(std::string_view raw);

/// Is @p name a node's name: `[A-Za-z0-9][A-Za-z0-9_.-]*`? It stands in job lines, link files and
/// configurations.
bool is_node_name(std::string_view name);

/// The part of @p path before its last slash ("" where there is none) and the part after it.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

/// One line that is safe in a log or on a terminal: control characters and broken UTF-8 become `\xHH`.
std::string printable(std::string_view text);

} // namespace nodespool::base
