// What is to happen at which call: read from the environment once, counted over all threads.
#pragma once

#include <cstdint>
#include <string>

namespace shim {

/// Kinds of calls, as bits. A plan counts some of them.
enum Kind : unsigned {
    k_create = 1U << 0U,   ///< open(2) that may create, or truncates
    k_open = 1U << 1U,     ///< any other open(2), socket(2), pipe(2)
    k_write = 1U << 2U,    ///< into a file
    k_truncate = 1U << 3U, ///< ftruncate(2)
    k_rename = 1U << 4U,
    k_link = 1U << 5U,
    k_unlink = 1U << 6U,
    k_directory = 1U << 7U, ///< mkdir(2), rmdir(2)
    k_sync = 1U << 8U,      ///< fsync(2), fdatasync(2), syncfs(2)
    k_send = 1U << 9U,      ///< to a node: into a socket, or a pipe of a child process
    k_read = 1U << 10U,     ///< read(2), pread(2) of a file in the world
};
/// What changes state here or on a node.
constexpr unsigned k_changes =
    k_create | k_write | k_truncate | k_rename | k_link | k_unlink | k_directory | k_sync | k_send;

enum class Then {
    go_on,
    fail,     ///< errno is set
    be_short, ///< write half of it
};

/// The environment:
/// NODESPOOL_SHIM_PROGRAM  only in processes of this name (program_invocation_short_name); unset: nowhere
/// NODESPOOL_SHIM_AT       the number of the call, from 1; 0 or unset: never
/// NODESPOOL_SHIM_DO       `kill` (SIGKILL), `short`, or an error by number, such as `28`
/// NODESPOOL_SHIM_HOLDS    `once` (default), or `on`: every such call from there on
/// NODESPOOL_SHIM_LOSES    `yes`: an fsync that fails also loses what it should have written (see losses.hpp)
/// NODESPOOL_SHIM_KINDS    the bits that count, as a number; unset: k_changes
/// NODESPOOL_SHIM_COUNT    a file that gets the number of calls counted so far, 8 bytes in host order; the
///                         world is what lies in its directory
/// NODESPOOL_SHIM_RECORD   a file to which each change is added once it happened (see record.hpp)
class Plan {
  public:
    static const Plan& get();

    [[nodiscard]] bool is_on() const { return m_on; }
    [[nodiscard]] bool loses() const { return m_loses; }
    [[nodiscard]] bool counts(Kind kind) const { return m_count != nullptr && (m_kinds & kind) != 0; }
    /// With a slash at its end.
    [[nodiscard]] const std::string& world() const { return m_world; }
    [[nodiscard]] const std::string& record_path() const { return m_record; }
    /// Counts the call, which may be the end of the process.
    [[nodiscard]] Then before(Kind kind) const;

  private:
    Plan();

    bool m_on = false;
    std::uint64_t m_at = 0;
    bool m_kill = false;
    bool m_short = false;
    bool m_holds_on = false;
    bool m_loses = false;
    int m_errno = 0;
    unsigned m_kinds = k_changes;
    std::uint64_t* m_count = nullptr; ///< shared with whoever started the process
    std::string m_world;
    std::string m_record;
};

} // namespace shim
