// Hands jobs to nodes and lanes: a backlog for each node, and a fair share of the lanes.
#pragma once

#include "base/clock.hpp"
#include "node/session.hpp"
#include "processor/backlog.hpp"
#include "processor/connection_growth.hpp"
#include "processor/connection_limit.hpp"
#include "processor/job.hpp"
#include "processor/node_choice.hpp"
#include "processor/node_health.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::processor {

/// Thread-safe. The feeder places jobs; lanes take one, or a stream of simple ones for the same node, and say
/// how it went.
///
/// Round robin is exact while nodes keep up. A job enters the backlog of the node whose turn it is. A node
/// keeps up as long as its backlog is short (64) or the first in it has not waited for 30 s: large files now
/// and then make no node lose its turns. One that does not keep up is passed over when others run low, and
/// what is too much in its backlog goes to them. A job whose list leaves no choice may wait in a longer line,
/// so that it does not stop the jobs behind it.
///
/// While other nodes have work, no node holds more than its share of the lanes: a lane whose node has more
/// ends its stream at once, and one whose node has more lanes than another with work after 64 jobs.
///
/// Within a node's backlog the order is that of the feeder (name order of queue files, then lines), but for
/// size: while small jobs wait, large ones (16 MiB) leave them one of the node's connections, and are
/// overtaken. Where there is only one connection, that is until a large one has waited for 30 s since it came
/// and since the last one ended. A job never overtakes one of higher priority (queue files `0-...` before
/// others before `9-...`) because of size. A large job shares no stream with small ones.
///
/// A node that refuses connections gets fewer for a while (ConnectionLimit). For small jobs that one session
/// does many of at once it gets only as many as are worth their login: by what was measured
/// (ConnectionGrowth), or one for each 32 MiB that wait. Large jobs, and those that go one after another over
/// a connection, get theirs at once, and leave those of the small ones alone.
class Scheduler {
  public:
    /// A backlog of this length is never too much.
    static constexpr std::size_t k_backlog = 64;
    /// Jobs of a stream after which a lane looks whether other nodes have fewer lanes.
    static constexpr std::size_t k_stream = 64;
    /// So long may the first in a backlog wait before its node is said to lag.
    static constexpr std::chrono::seconds k_patience{30};

    Scheduler(const std::vector<node::NodeConfig>& nodes, unsigned lanes, const base::Clock& clock);

    enum class Placement {
        placed,
        no_node, ///< none that the job allows can be used now: why_no_node() says why; the job is given back
        no_room, ///< the only nodes it allows are hopelessly behind; the job is given back
        interrupted ///< closed meanwhile; the job is given back
    };
    /// Waits while every node that could take the job, and every other, is busy.
    Placement place(JobPtr& job);
    /// For work that needs no node.
    Placement place_here(JobPtr& job);
    /// From a lane, after a failure: never waits, never refuses for lack of room.
    Placement place_again(JobPtr& job);
    /// From a lane, where the failure was none of the job's: in front of what waits for the node, or, where
    /// that cannot be used any more, as place_again().
    Placement put_back(JobPtr& job, std::size_t node);

    /// Which node @p job would go to now, as a dry run says it; nullopt: none.
    std::optional<std::string> preview(const Job& job);

    /// What a lane holds until it gives it back with release(): a connection to each of these nodes.
    struct Seats {
        std::vector<std::size_t> targets; ///< empty: work that needs no node
        std::optional<std::size_t> source;
        JobSize size = JobSize::small;
        bool has_worked = false; ///< the first target did something over this connection
        bool is_shared = false; ///< with other small jobs: of the connections that are counted by their worth
        /// Since when it is waited for, where the node had not so many such connections before.
        std::optional<base::MonotonicTime> logs_in_since;
    };
    struct Task {
        JobPtr job;
        Seats seats;
    };
    /// For a lane: waits for a job all of whose nodes have a connection free, and takes these together, so
    /// that no two lanes wait for each other. nullopt: closed.
    std::optional<Task> take();
    /// For a lane that has @p seats for a simple job: a further one for the same node, without waiting.
    /// nullptr: none now, or the lane should go elsewhere. @param given  jobs that this stream had so far
    JobPtr take_more(const Seats& seats, std::size_t given);
    void release(const Seats& seats);
    /// Gives the source back and takes another from which the job can be read, without waiting.
    void change_source(const Job& job, Seats& seats);

    /// The node did what it was asked.
    void succeeded(std::size_t node);
    /// The same of the first target of @p seats, which are held on.
    void succeeded(Seats& seats);
    /// The node refused one more connection. @param idle  sessions with it that no lane holds now
    /// @return false: there is no other one, so that this is a failure like any other. true: it gets fewer
    /// from now on, and what met the refusal can be done there all the same
    bool refused(std::size_t node, std::size_t idle, const std::string& reason);
    /// The job ended without a word about the node.
    void not_tried(std::size_t node);
    /// The job failed on the node. @return the jobs that waited for it and must be placed again, where it is
    /// no longer usable
    std::vector<JobPtr> failed(std::size_t node, node::Failure failure, const std::string& reason);

    /// Does the node get fewer connections than it is configured for?
    [[nodiscard]] bool is_scarce(std::size_t node);

    /// The operator's marks: @p why_closed says for each node why it takes no jobs of this work; empty: it
    /// does. @return the jobs that waited for nodes that are closed now
    std::vector<JobPtr> close_nodes(const std::vector<std::string>& why_closed);

    /// Why no node can take @p job now, node by node.
    std::string why_no_node(const Job& job);

    /// Takes back every job that no lane has begun. place() and take() end at once from here on.
    std::vector<JobPtr> close();

    struct NodeReport {
        std::string name;
        NodeState state;
        std::string reason; ///< the last error; it may be over
        std::size_t waiting;
        unsigned lanes;
        unsigned connections; ///< that it may get now
        std::optional<base::Timestamp> last_success;
        std::optional<base::Timestamp> last_error;
    };
    std::vector<NodeReport> report();
    [[nodiscard]] const node::NodeConfig& config(std::size_t node) const { return m_nodes[node].config; }
    [[nodiscard]] std::size_t node_count() const { return m_node_count; }

    std::string cursor();
    void restore_cursor(const std::string& cursor);

  private:
    struct Node {
        explicit Node(node::NodeConfig of)
            : config(std::move(of)),
              limit(config.connections),
              growth(config.connections),
              shares_puts(node::takes_many_at_once(config, node::Request::Kind::put)),
              shares_removals(node::takes_many_at_once(config, node::Request::Kind::remove)) {}

        node::NodeConfig config; ///< of the last entry, "here": only connections count
        NodeHealth health;
        ConnectionLimit limit;
        ConnectionGrowth growth;
        bool shares_puts; ///< one session does many at once
        bool shares_removals;
        std::string why_closed; ///< by the operator; empty: open
        std::string last_error_text;
        std::optional<base::Timestamp> last_error;
        std::optional<base::Timestamp> last_success;
        Backlog backlog;
        unsigned active = 0;            ///< lanes whose first target it is
        unsigned large = 0;             ///< those of them that carry large jobs
        base::MonotonicTime last_large; ///< when the last of these ended
        unsigned connections = 0;       ///< held by lanes
        unsigned working = 0;           ///< those of them over which something was done
        unsigned shared = 0;            ///< those of them for small jobs that share one
        unsigned most_shared = 0;       ///< of these, ever, that worked
    };

    [[nodiscard]] bool can_take(const Node& node, const Job& job, std::size_t index) const;
    [[nodiscard]] std::vector<bool> candidates(const Job& job) const;
    [[nodiscard]] std::vector<bool> with_backlog_below(std::size_t limit,
                                                       const std::vector<bool>& eligible) const;
    [[nodiscard]] bool keeps_up(const Node& node) const;
    bool relieve_nodes_that_lag();
    [[nodiscard]] base::MonotonicTime next_lag() const;
    [[nodiscard]] bool others_run_low(const std::vector<bool>& eligible) const;
    void enqueue(std::size_t node, JobPtr& job);
    [[nodiscard]] bool can_read(const Job& job, std::size_t index) const;
    [[nodiscard]] bool can_read_somewhere(const Job& job) const;
    [[nodiscard]] bool has_connection(std::size_t index) const;
    [[nodiscard]] static bool is_sharing(const Node& node, const Job& job);
    [[nodiscard]] static unsigned worth(const Node& node);
    [[nodiscard]] static bool is_worth_a_connection(const Node& node, const Job& job);
    [[nodiscard]] static unsigned most_useful(const Node& node);
    void look_for_growth();
    [[nodiscard]] base::MonotonicTime next_growth() const;
    [[nodiscard]] std::optional<std::size_t> free_source(const Job& job) const;
    [[nodiscard]] std::vector<bool> further_targets(const Job& job, std::size_t first) const;
    [[nodiscard]] bool has_seats(const Job& job, std::size_t first) const;
    Seats seat(const Job& job, std::size_t first);
    void count_shared(Node& node, Seats& seats);
    void take_source(const Job& job, Seats& seats);
    void note_success(Node& node);
    void note_ended(Node& node, const Seats& seats);
    [[nodiscard]] unsigned fair_share() const;
    /// A job's place in a backlog.
    struct Place {
        JobSize size;
        std::size_t at;
    };
    struct Next {
        std::size_t node;
        Place place;
    };
    enum class Connection { free, held };
    [[nodiscard]] std::optional<std::size_t> first_with_seats(std::size_t index, JobSize size,
                                                              Connection connection) const;
    [[nodiscard]] std::optional<Place> next_of(std::size_t index, Connection connection) const;
    [[nodiscard]] bool may_start_large(const Node& node, base::MonotonicTime since) const;
    [[nodiscard]] std::optional<Next> next_for_a_lane() const;
    [[nodiscard]] bool is_turn_of_another(std::size_t index, std::size_t given) const;

    const base::Clock* m_clock;
    unsigned m_lanes;
    std::size_t m_node_count;

    std::mutex m_mutex;
    std::condition_variable m_room; ///< a backlog has shrunk or a node's state has changed
    std::condition_variable m_work; ///< a backlog has grown or a lane is free
    std::vector<Node> m_nodes;      ///< the configured ones, then "here"
    NodeChoice m_choice;
    bool m_closed = false;
};

} // namespace nodespool::processor
