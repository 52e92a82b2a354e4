// Jobs on their way out of the queue by hand (take, filter): found in claimed files, handed out in batches,
// and ticked when they are safe elsewhere.
#pragma once

#include "queue/claimed_file.hpp"
#include "queue/worked_off.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::queue {

enum class Deferred { leave, include };

/// Which jobs.
struct Selection {
    Keyword keyword = Keyword::upload;
    std::optional<std::string> glob; ///< over cluster paths, as fnmatch(3) without flags
    Deferred deferred = Deferred::leave;

    [[nodiscard]] bool wants(const JobRecord& job, base::Timestamp now) const;
};

/// The line as it stands, and after it what nothing outside its queue file tells: `since=` where it has none,
/// and `job=` where it needs one (needs_job_id()). @param line_id  ClaimedFile::line_id(); empty: no `job=`
std::string line_with_history(std::string_view line, const JobRecord& job, base::Timestamp queued_at,
                              const std::string& line_id);

enum class Priorities { mixed, apart };

/// How much a batch holds at most; it is kept in memory.
struct BatchLimits {
    std::size_t jobs = 65536;
    std::size_t text_bytes = 8U << 20U;
    Priorities priorities = Priorities::mixed;
    std::size_t queue_files = 128; ///< read to their end: each holds two descriptors when it is ticked
};

class HandOut {
    struct OpenFile;

  public:
    struct Job {
        std::shared_ptr<OpenFile> file;
        LineMark mark;
        std::size_t offset = 0; ///< in text()
        std::size_t length = 0; ///< without its newline
    };
    using BadLine = std::function<void(const std::string& reason)>;

    /// @p bad_line is told of each line that can never run; it stays for its processor, which sets it aside.
    HandOut(const Spool& spool, Selection selection, BatchLimits limits, BadLine bad_line);

    /// At most so many jobs in all.
    void stop_after(std::uint64_t jobs) { m_jobs_left = jobs; }

    /// Lets go of the batch before, and fills the next one. false: there are no more jobs.
    bool next();
    [[nodiscard]] const std::vector<Job>& jobs() const { return m_batch.jobs; }
    /// The batch's lines (line_with_history()), each with its newline.
    [[nodiscard]] const std::string& text() const { return m_batch.text; }
    [[nodiscard]] std::string_view line(const Job& job) const {
        return std::string_view(m_batch.text).substr(job.offset, job.length);
    }
    [[nodiscard]] Priority priority() const { return m_batch.priority; }
    [[nodiscard]] static const std::string& name_of_file(const Job& job);

    /// Does the job's line still stand as it was read?
    [[nodiscard]] static bool still_stands(const Job& job);
    /// Takes jobs whose line somebody changed since out of the batch. @return how many
    std::size_t drop_changed();
    /// The jobs are safe elsewhere: ticks their lines, and sets the files aside that are worked off by this.
    /// @return jobs whose line was changed in the very meantime: they are elsewhere and still here
    std::size_t tick_off();
    /// Takes away what was set aside.
    void finish() { m_worked_off.retire(); }

    /// Files that somebody else was working on: passed over.
    [[nodiscard]] std::uint64_t busy_files() const { return m_busy_files; }

  private:
    struct Batch {
        std::vector<Job> jobs;
        std::string text;
        std::vector<std::shared_ptr<OpenFile>> read_to_end;
        Priority priority = Priority::normal;
    };

    [[nodiscard]] bool is_full() const;
    bool open_next_file();
    void read_line();
    void take_line(const RawLine& line);
    void set_aside_worked_off();
    template <typename Action>
    void for_each_file(Action action) const;

    const Spool* m_spool;
    Selection m_selection;
    BatchLimits m_limits;
    BadLine m_bad_line;
    std::uint64_t m_jobs_left = std::numeric_limits<std::uint64_t>::max();
    std::vector<std::string> m_names;
    std::size_t m_next_name = 0;
    std::shared_ptr<OpenFile> m_current; ///< being read
    Batch m_batch;
    WorkedOff m_worked_off;
    std::uint64_t m_busy_files = 0;
};

} // namespace nodespool::queue
