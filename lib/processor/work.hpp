// What distinguishes one processor from another: the interface between the common loop and store, replicate,
// remove.
#pragma once

#include "node/session.hpp"
#include "processor/job.hpp"
#include "queue/outbox.hpp"

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
    Outcome outcome; ///< of Verdict::ended
};

/// Called in this order for each job: assess (feeding thread; quick, no network), act (a lane's thread, with
/// that lane's session), commit (committing thread, for a group of jobs at once), and release (the same, 100
/// ms later or more). The loop ticks a job only when it has left the last of these steps that it needs.
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

    /// May not change anything: dry runs call it too.
    virtual Assessment assess(Job& job) = 0;
    /// Does it on the node of @p session (nullptr: Verdict::here). Leaves job.effect for the commit, or no
    /// effect and job.outcome. @throws node::NodeError: another node is tried
    virtual void act(Job& job, node::Session* session, const std::string& node_name) = 0;
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
