// A queue file in the hands of one processor: locked, read line by line, ticked off, and taken away when
// worked off. The states and their commit instants are the table "A queue file" in ARCHITECTURE.md.
#pragma once

#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "queue/line_reader.hpp"
#include "queue/spool.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::queue {

/// Where a job stands, so that its line can be found again and known again.
struct LineMark {
    std::uint64_t offset = 0;
    std::uint64_t number = 0;
    std::uint64_t length = 0;
    std::size_t hash = 0; ///< of the line's text as it was parsed
};

LineMark mark_of(const RawLine& line);

enum class Tick {
    done,
    let_go ///< the name means another file now, or the line reads differently: somebody edited it; nothing
           ///< was written
};

enum class Retirement {
    removed,    ///< unlinked
    given_back, ///< it has live lines again, or somebody is writing to it: it stands in the queue as before
    left_aside  ///< nobody can tell yet whether somebody is writing to it: a later run looks again
};

/// Thread-safe: one thread reads while others check and tick.
class ClaimedFile {
  public:
    /// Opens and locks @p name. nullopt: another processor holds it, or it is gone or no regular file.
    /// @throws base::CannotLock where the file system cannot lock; base::SystemError where it cannot be read
    static std::shared_ptr<ClaimedFile> claim(const Spool& spool, const std::string& name);
    /// The same for one that an earlier run set aside, by its name in the directory, @p entry: to retire().
    static std::shared_ptr<ClaimedFile> claim_set_aside(const Spool& spool, const std::string& entry);
    [[nodiscard]] static bool is_set_aside_name(std::string_view entry);

    [[nodiscard]] const std::string& name() const { return m_name; }
    /// Since when the jobs in it wait, where they don't say it themselves: the name's stamp, else the file's
    /// time.
    [[nodiscard]] base::Timestamp queued_at() const;

    /// Names the line for as long as the file lives, in every process that claims it:
    /// `INODE-BIRTHTIME-OFFSET`.
    [[nodiscard]] std::string line_id(const LineMark& mark) const;

    /// The next line; nullopt at the end. A last line without a newline is
    /// given only when nobody has the file open for writing and it is 2 s old: it gets its newline first.
    std::optional<RawLine> next();
    /// The file ends with such a line that was not given.
    [[nodiscard]] bool left_last_line() const { return m_left_last_line; }

    /// Does the name still mean this file, and does the line still read as it was parsed?
    [[nodiscard]] bool still_reads(const LineMark& mark) const;
    /// The same of many lines, with one look for those that lie close together.
    [[nodiscard]] std::vector<bool> still_read(std::span<const LineMark> marks) const;
    /// Turns the line into a comment: its job is finished, and its effect is durable.
    Tick tick(const LineMark& mark);
    /// The same of many lines, with one look for those that lie close together, right before they are ticked.
    std::vector<Tick> tick(std::span<const LineMark> marks);

    /// First step of taking it away, when its reader met no line that stays: renames it to `.NAME.done`.
    /// false: the name means another file.
    bool set_aside();
    /// Second step, at least 100 ms after the first: looks again, then unlinks, or renames it back without
    /// replacing.
    Retirement retire();

    /// Reads a part of the file as it is, for setting a line aside.
    [[nodiscard]] int fd() const { return m_fd.get(); }
    [[nodiscard]] std::string path() const { return m_spool->path() + "/" + m_name; }

  private:
    ClaimedFile(const Spool& spool, std::string name, base::Fd fd, const base::FileStatus& status);

    [[nodiscard]] bool means_this_file(const std::string& name) const;
    /// A part of the file as it reads now.
    struct Window {
        std::uint64_t offset = 0;
        std::string bytes;     ///< empty: the name means another file
        std::size_t marks = 0; ///< so many of those asked for lie in it

        [[nodiscard]] bool has(const LineMark& mark) const;
    };
    [[nodiscard]] Window look_at(std::span<const LineMark> marks) const;
    bool open_for_ticks();
    [[nodiscard]] bool has_live_line() const;
    [[nodiscard]] std::string set_aside_name() const;
    bool terminate_last_line(const RawLine& line);

    const Spool* m_spool;
    std::string m_name;
    base::Fd m_fd;             ///< read-only, and holds the lock
    base::FileStatus m_status; ///< at the claim
    LineReader m_reader;
    bool m_left_last_line = false;
    std::string m_last_line; ///< of a file that ended without newline
    mutable std::mutex m_mutex;
    base::Fd m_tick_fd; ///< write-only, opened for the first tick, closed before writers are looked for
};

} // namespace nodespool::queue
