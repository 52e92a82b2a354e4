// The loop that all processors share: claim, validate, act, commit, tick or resubmit. Start reading here.
//
// The feeder (the thread that calls run()) claims queue files in name order and reads their lines; the
// scheduler hands valid jobs to nodes; lanes carry them there; the committer makes what they did durable in
// groups, ticks the lines and takes worked-off files away.
#pragma once

#include "base/directory_watch.hpp"
#include "base/stop_signal.hpp"
#include "processor/cluster.hpp"
#include "processor/committer.hpp"
#include "processor/flights.hpp"
#include "processor/held_places.hpp"
#include "processor/lanes.hpp"
#include "processor/node_memory.hpp"
#include "processor/scheduler.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace nodespool::processor {

enum class Follow { no, yes };

struct RunOptions {
    unsigned lanes = 4;                    ///< transfers at once
    Follow follow = Follow::no;            ///< stay, and wake on new queue files
    std::optional<std::uint64_t> max_jobs; ///< begin at most so many
    std::optional<std::string> only;       ///< a glob over cluster paths: other jobs stay
    std::chrono::milliseconds second_look{100};
    std::chrono::milliseconds look_around{1000}; ///< how often marks and directories are looked at meanwhile
    std::function<void(const Job&)> on_end;      ///< after each job, in the committer's thread
};

struct Summary {
    std::map<Result, std::uint64_t> ended;
    std::uint64_t deferred = 0; ///< not yet due
    bool io_error = false;

    [[nodiscard]] std::uint64_t count(Result result) const;
};

/// The lanes of a run where nobody said how many: as many as the nodes take connections, at most 16.
unsigned default_lanes(const Cluster& cluster);

class Processor {
  public:
    Processor(const Cluster& cluster, const queue::Spool& spool, Work& work, base::StopSignal& stop,
              RunOptions options);
    Processor(const Processor&) = delete;
    Processor& operator=(const Processor&) = delete;
    ~Processor();

    /// Until the queue holds nothing more to do now (Follow::yes: until a stop signal). @throws base::Error
    /// config where the marks cannot be read, io where a directory of the cluster was replaced meanwhile
    Summary run();

    /// For a progress display, from any thread.
    struct Counters {
        std::atomic<std::uint64_t> ended{0};
        std::atomic<std::uint64_t> bytes{0};
    };
    [[nodiscard]] const Counters& counters() const { return m_counters; }
    [[nodiscard]] std::vector<Scheduler::NodeReport> nodes() { return m_scheduler.report(); }

  private:
    void stop();
    [[nodiscard]] bool is_stopping() const { return m_stop->state() != base::Stop::no; }

    bool pass();
    void wait_until_all_ended();
    void prepare_pass();
    void end_pass();
    void follow_marks();
    void look_around();
    [[nodiscard]] std::shared_ptr<queue::ClaimedFile> claim(const std::string& name);
    void note_trouble(const base::Error& error);
    void feed(const std::shared_ptr<OpenFile>& file);
    [[nodiscard]] std::optional<queue::RawLine> next_line(OpenFile& file);
    bool feed_line(const std::shared_ptr<OpenFile>& file, const queue::RawLine& line);
    [[nodiscard]] bool is_for_later(const queue::JobRecord& job);
    void begin(JobPtr job);
    void start(JobPtr job);
    void answer(Scheduler::Placement placement, JobPtr job);
    void end_with(JobPtr job, Outcome outcome);
    void ended(JobPtr job);
    void look_at_returned();
    /// Of the jobs in the air, and of the queue files.
    using Condition = std::function<bool(std::size_t in_flight, std::size_t open_files)>;
    void wait_until(const Condition& condition);
    void wait_for_news();

    const queue::Spool* m_spool;
    Work* m_work;
    base::StopSignal* m_stop;
    RunOptions m_options;
    queue::NodeNames m_node_names;
    std::size_t m_descriptors; ///< that may be open at once
    unsigned m_lane_count;
    std::size_t m_most_open_files;

    Summary m_summary; ///< of ended jobs: the committer's thread until the run is over
    std::atomic<bool> m_io_error{false};
    std::atomic<std::uint64_t> m_deferred{0};
    Counters m_counters;
    std::atomic<std::uint64_t> m_bytes_in_flight{0}; ///< of the lines of jobs in the air
    std::uint64_t m_begun = 0;
    bool m_passed_over = false; ///< lines were left because their nodes are hopelessly behind: another pass
    bool m_some_busy = false;   ///< a queue file could not be claimed in this pass
    std::optional<base::Timestamp> m_next_due;
    base::MonotonicTime m_next_look_around{};
    std::unique_ptr<base::DirectoryWatch> m_watch; ///< Follow::yes

    Flights m_flights;
    Scheduler m_scheduler;
    NodeMemory m_node_memory;
    HeldPlaces m_places;
    std::unique_ptr<Committer> m_committer;
    std::unique_ptr<Lanes> m_lanes;
};

} // namespace nodespool::processor
