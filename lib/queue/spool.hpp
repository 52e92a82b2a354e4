// The spool directory: which queue files there are, how new ones come into it, and where lines that can never
// run go.
#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "base/staged_file.hpp"
#include "queue/job.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::queue {

/// Name order is the order of work: `0-` and `9-` before a queue file's name move it to the front or the end.
enum class Priority { first, normal, last };

/// The priority that a queue file's name says.
Priority priority_of(std::string_view queue_file);

/// When the queue file was made: the stamp in its name; nullopt where a person named it.
std::optional<base::Timestamp> stamp_of(std::string_view queue_file);

class QueueFileWriter;

/// ROOT/.queue. Opening makes what is missing (2770, group `nodespool` where it exists). Shared by all
/// threads.
class Spool {
  public:
    /// @throws base::Error cannot_create where the directories cannot be made
    Spool(const std::string& cluster_root, const base::Clock& clock);
    /// For reading only: makes nothing. A missing spool is an empty one.
    static Spool open_existing(const std::string& cluster_root, const base::Clock& clock);

    /// Names of the queue files a processor with these keywords reads, in the order of work: every `*.q` that
    /// does not begin with a dot, and names of [A-Za-z0-9_-] that begin with one of its own prefixes
    /// (`store-`, ...).
    [[nodiscard]] std::vector<std::string> queue_files(const std::vector<Keyword>& keywords) const;
    /// Names in `.queue/held/` (of queue files) and in `.queue/rejected/` (`*.q`), sorted.
    [[nodiscard]] std::vector<std::string> held_files() const;
    [[nodiscard]] std::vector<std::string> rejected_files() const;

    /// Starts a new queue file. Nothing of it is seen before QueueFileWriter::commit().
    [[nodiscard]] QueueFileWriter new_file(Priority priority) const;
    /// Starts a new file of rejected lines.
    [[nodiscard]] QueueFileWriter new_rejected_file() const;

    /// Removes temporaries of processes that died while they wrote.
    void clear_abandoned() const;

    /// `.queue/rejected/` in the same manner: its files are claimed, ticked and taken away as queue files
    /// are.
    [[nodiscard]] Spool rejected_spool() const { return {ReadOnly{}, m_path + "/rejected", *m_clock}; }

    [[nodiscard]] int fd() const { return m_dir.get(); }
    /// Those that jobs come from and go back to.
    [[nodiscard]] std::vector<base::HeldDirectory> held_directories() const {
        return {{m_dir.get(), m_path}, {m_rejected.get(), m_path + "/rejected"}};
    }
    [[nodiscard]] int held_fd() const { return m_held.get(); }
    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] const base::Clock& clock() const { return *m_clock; }
    /// `YYYYMMDD-HHMMSS.UUUUUU-HOST-PID-N.q`, never given twice by this process.
    [[nodiscard]] std::string new_name(Priority priority) const;

  private:
    struct ReadOnly {};
    Spool(ReadOnly tag, std::string path, const base::Clock& clock);

    std::string m_path;
    const base::Clock* m_clock;
    base::Fd m_dir;
    base::Fd m_rejected;
    base::Fd m_held;
};

/// A queue file being written: append lines, then commit. Destroyed before commit(), it leaves nothing.
class QueueFileWriter {
  public:
    QueueFileWriter(int dir_fd, std::string name);

    void add(const JobRecord& job);
    /// A comment line for the person who reads the file; control characters are made visible.
    void add_comment(std::string_view text);
    /// Bytes as they stand, plus a newline.
    void add_raw(std::string_view line);
    /// Copies @p length bytes of @p fd from @p offset on, plus a newline: a line of any length through
    /// bounded memory.
    void add_raw_from(int fd, std::uint64_t offset, std::uint64_t length, std::string_view path_for_errors);

    [[nodiscard]] std::uint64_t size_bytes() const { return m_file.size_bytes(); }
    [[nodiscard]] const std::string& name() const { return m_name; }
    /// After this the file is in the directory, durably.
    void commit();

  private:
    int m_dir_fd;
    std::string m_name;
    base::StagedFile m_file;
};

} // namespace nodespool::queue
