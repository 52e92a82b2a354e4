// What distinguishes one processor from another: the interface between the common loop and store, replicate,
// remove.
#pragma once

#include "base/file_system.hpp"
#include "node/session.hpp"
#include "processor/errand.hpp"
#include "processor/job.hpp"
#include "queue/outbox.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::processor {

/// What is to be done with a job, before any node is asked.
enum class Verdict {
    on_a_node, ///< a lane takes it to one of the nodes its list allows
    here,      ///< a lane works on it without a node
    ended      ///< no work: the outcome says how it ended
};

struct Assessment {
    Verdict verdict = Verdict::ended;
    Outcome outcome;    ///< of Verdict::ended; of Verdict::here the reason, for a dry run
    std::string what{}; ///< Verdict::here: what it is in a word, for a dry run
};

/// What work does on nodes: it decides which of them can be used.
enum class Use {
    new_copies, ///< not on draining nodes, nor on read-only or full ones
    removals    ///< not on read-only ones
};

/// The nodes that a lane holds for one job: as many targets as the job needs, and one to read from where it
/// needs that. Used by the lane's thread; the sessions by one thread each.
class HeldNodes {
  public:
    HeldNodes() = default;
    HeldNodes(const HeldNodes&) = delete;
    HeldNodes& operator=(const HeldNodes&) = delete;
    virtual ~HeldNodes() = default;

    [[nodiscard]] virtual std::size_t target_count() const = 0;
    [[nodiscard]] virtual const std::string& target_name(std::size_t target) const = 0;
    virtual node::Session& target(std::size_t target) = 0;
    /// Of one target of several: the job is not tried there again in this run.
    virtual void target_failed(std::size_t target, const node::NodeError& error) = 0;

    /// Is there a node to read from? false: none of those with a copy can be used now.
    [[nodiscard]] virtual bool has_source() const = 0;
    [[nodiscard]] virtual const std::string& source_name() const = 0;
    virtual node::Session& source() = 0;
    /// The source failed: another one takes its place, where one is free now. @return has_source()
    virtual bool change_source(const node::NodeError& error) = 0;
};

/// Called in this order for each job: assess (feeding thread; quick, no network), begin or act (a lane's
/// thread), commit (committing thread, for a group of jobs at once), and release (a thread of its own, 100 ms
/// later or more). The loop ticks a job only when it has left the last of these steps that it needs.
class Work {
  public:
    Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    virtual ~Work() = default;

    [[nodiscard]] virtual std::vector<queue::Keyword> keywords() const = 0;
    /// "store": what it would do, in a dry run.
    [[nodiscard]] virtual std::string_view verb() const = 0;
    /// "stored": Result::done in the log.
    [[nodiscard]] virtual std::string_view done_word() const = 0;
    [[nodiscard]] virtual Use use() const = 0;

    /// Directories besides the spool whose news wake a run that stays. Called once, before the first pass.
    [[nodiscard]] virtual std::vector<std::string> watched_directories() const { return {}; }
    /// Directories besides the spool that it holds open, all of the cluster: what it sees in them counts as
    /// long as they are in place.
    [[nodiscard]] virtual std::vector<base::HeldDirectory> held_directories() const { return {}; }
    /// At the start of each pass: queues, durably, what is to be done besides the jobs of the queue.
    virtual void prepare() {}
    /// Calls @p tell with each job that prepare() would queue and where it comes from: for dry runs.
    virtual void
    foretell(const std::function<void(const queue::JobRecord&, const std::string& origin)>& tell) const {
        static_cast<void>(tell);
    }

    /// May not change anything but the job: dry runs call it too. Sets job.need.
    virtual Assessment assess(Job& job) = 0;
    /// Of a job whose need is simple: gets it ready to be one of many that are under way over a session of
    /// @p node. nullptr: it ended already, job.outcome says how. @throws base::Error: this job is left
    virtual std::unique_ptr<Errand> begin(Job& job, const std::string& node) {
        throw base::Error(base::ErrorClass::bug, "internal error: " + job.identity() + " is not for " + node);
    }
    /// Of any other: does it on @p nodes (nullptr: Verdict::here). Leaves job.effect for the commit, or no
    /// effect and job.outcome. @throws base::Error: this job is left
    virtual void act(Job& job, HeldNodes* nodes) {
        static_cast<void>(nodes);
        throw base::Error(base::ErrorClass::bug,
                          "internal error: " + job.identity() + " is not for several nodes");
    }
    /// Makes the effects of the group durable and sets each outcome. Jobs left with an effect have a second
    /// look before them. Follow-up jobs go through an Outbox of its own. @throws base::Error: all of the
    /// group is left
    virtual void commit(std::vector<Job*>& group) = 0;
    /// The second look; sets each outcome. @throws base::Error: all of the group is left
    virtual void release(std::vector<Job*>& group) = 0;
    /// After the last job of a pass: puts in order on the nodes what failed transfers left there, those of
    /// processes that died included.
    virtual void clean_up() = 0;
};

} // namespace nodespool::processor
