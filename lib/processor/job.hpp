// A job in the air: what was read from the queue, and how it ended.
#pragma once

#include "queue/claimed_file.hpp"
#include "queue/job.hpp"
#include "queue/spool.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nodespool::processor {

/// How a job ended. ARCHITECTURE.md, table "A job".
enum class Result {
    done,         ///< its effect is durable
    already_done, ///< its effect was there before
    duplicate,    ///< another job had the same effect meanwhile; what this one sent is taken away again
    stale,        ///< the file is not the one the job speaks of
    rejected,     ///< the line can never run
    resubmitted,  ///< not now: back in the queue, later
    left,         ///< not now: its line stays as it stands (the cluster server itself failed, or a stop)
    passed_over,  ///< its nodes are hopelessly behind: another pass of this run takes it up
    again         ///< the world changed under it: it is looked at anew in this run
};

struct Outcome {
    Outcome() = default;
    Outcome(Result how, std::string why) : result(how), reason(std::move(why)) {}

    Result result = Result::done;
    std::string reason;
    std::string node;        ///< where it was done
    std::string name;        ///< the copy's name there
    std::uint64_t bytes = 0; ///< sent or removed
    double seconds = 0;      ///< on the node
    double delay_s = 0;      ///< resubmitted: at least this long from now; 0: the ordinary backoff
    bool io_error = false;   ///< left because of an error of the cluster server
};

/// Of a queue file: how many of its jobs are in the air. When it was read to its end and none is, it is
/// finished. The feeder counts up while the committer counts down.
struct OpenFile {
    std::shared_ptr<queue::ClaimedFile> claimed;
    std::atomic<std::size_t> in_flight{0};
    std::atomic<bool> lines_stay{false}; ///< lines of others, lines not yet due, jobs that were left
    bool read_to_end = false;            ///< the committer's alone
};

/// What an act leaves for the commit; each kind of work derives its own.
struct Effect {
    Effect() = default;
    Effect(const Effect&) = delete;
    Effect& operator=(const Effect&) = delete;
    virtual ~Effect() = default;
};

/// What a job needs of the nodes, as Work::assess() finds it. By node index, in the order of the
/// configuration; a list that is empty restricts nothing.
struct Need {
    std::vector<bool> barred;  ///< not on these, besides those that the job's own list forbids
    unsigned targets = 1;      ///< nodes that are held at once; fewer where fewer can be used
    std::vector<bool> sources; ///< one of these is held besides, to read from

    /// One node, and nothing to read from another: many such jobs can be under way over one session.
    [[nodiscard]] bool is_simple() const { return targets <= 1 && sources.empty(); }
};

struct Job {
    queue::JobRecord record;
    std::shared_ptr<OpenFile> file;
    queue::LineMark line;
    queue::Priority priority = queue::Priority::normal; ///< of its queue file

    Need need;
    std::vector<bool> tried;         ///< by node index: failed there in this run
    std::vector<bool> tried_sources; ///< by node index: could not be read from in this run
    std::string last_error;          ///< of the last node tried
    unsigned looks = 0;              ///< how often it was looked at anew
    unsigned put_back = 0;           ///< how often it failed in the company of another, which was to blame
    bool send_anyway = false;        ///< the recorded version has other content: it is a new version
    bool has_done = false;           ///< a part of its work is durable, the rest was left for another look
    Outcome outcome;
    std::unique_ptr<Effect> effect; ///< waiting to be committed

    [[nodiscard]] bool has_tried(std::size_t node) const { return node < tried.size() && tried[node]; }
    [[nodiscard]] bool has_tried_source(std::size_t node) const {
        return node < tried_sources.size() && tried_sources[node];
    }

    /// Identity in the log: `QUEUEFILE:LINE`.
    [[nodiscard]] std::string identity() const {
        return file->claimed->name() + ":" + std::to_string(line.number);
    }
};

using JobPtr = std::unique_ptr<Job>;

} // namespace nodespool::processor
