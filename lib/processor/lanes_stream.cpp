// A stream: the simple jobs of one node that a lane has under way over one session.
#include "base/log.hpp"
#include "processor/lanes.hpp"

#include <unordered_map>
#include <utility>

namespace nodespool::processor {

namespace {

/// More than fills any line: what comes on top only holds memory and descriptors.
constexpr std::uint64_t k_most_bytes_under_way = 8U << 20U;
/// A job that fails in company is spared so often.
constexpr unsigned k_most_put_back = 3;

/// Counts one of the streams, or of the jobs under way, over all lanes.
class Ticket {
  public:
    explicit Ticket(std::atomic<std::size_t>& count) : m_count(&count) { ++count; }
    Ticket(Ticket&& other) noexcept : m_count(std::exchange(other.m_count, nullptr)) {}
    Ticket& operator=(Ticket&&) = delete;
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        if (m_count != nullptr)
            --*m_count;
    }

  private:
    std::atomic<std::size_t>* m_count;
};

} // namespace

class Lanes::Stream final : public node::Feed {
  public:
    Stream(Lanes& lanes, Scheduler::Task task)
        : m_lanes(&lanes),
          m_first(std::move(task.job)),
          m_seats(std::move(task.seats)),
          m_stream(lanes.m_streams),
          m_node(m_seats.targets.at(0)) {}

    /// Out of memory where a job cannot even be told how it ended: the program ends, as if it were killed. To
    /// go on without the job would leave its queue file open for ever.
    void run() noexcept {
        if (!open_session())
            return;
        try {
            m_session->run(*this);
        } catch (...) {
            end_all(std::current_exception());
        }
        if (!m_under_way.empty())
            end_all(std::make_exception_ptr(
                base::Error(base::ErrorClass::bug, "internal error: a session forgot requests")));
        settle();
        leave();
        place();
    }

    node::Request* next() noexcept override {
        while (m_is_giving) {
            JobPtr job = m_first ? std::move(m_first) : more();
            if (!job)
                return nullptr;
            ++m_given;
            if (node::Request* const request = begin(std::move(job)))
                return request;
        }
        return nullptr;
    }

    void ended(node::Request& request) noexcept override {
        auto entry = m_under_way.extract(&request);
        if (entry.empty())
            return;
        Carried carried = std::move(entry.mapped());
        m_bytes_under_way -= bytes_moved_by(*carried.job);
        if (request.error) {
            m_is_giving = false;
            fail(std::move(carried), request.error);
            return;
        }
        m_has_worked = true;
        m_lanes->m_scheduler->succeeded(m_seats);
        arrive(std::move(carried));
    }

  private:
    struct Carried {
        JobPtr job;
        std::unique_ptr<Errand> errand;
        Ticket ticket;
    };
    /// What follows once what was sent is taken back.
    enum class Then { ended, put_back, elsewhere };
    struct Failed {
        Carried carried;
        Then then;
        Errand::Reach reach;
    };

    /// @return false: this machine cannot have one now, which is not the node's fault; the stream is over.
    bool open_session() {
        try {
            m_session = m_lanes->m_sessions.take(m_node);
            return true;
        } catch (const std::exception& error) {
            leave_job(*m_first, error);
        }
        leave();
        m_lanes->m_acted(std::move(m_first));
        return false;
    }

    /// The first job is always begun, so that a stream has something under way whatever the limits.
    JobPtr more() {
        const std::size_t most = m_lanes->m_most_under_way;
        const std::size_t streams = m_lanes->m_streams;
        const bool is_filled = m_bytes_under_way >= k_most_bytes_under_way || m_lanes->m_under_way >= most ||
                               m_under_way.size() >= (most + streams - 1) / streams;
        if (is_filled && !m_under_way.empty())
            return nullptr;
        return m_lanes->m_scheduler->take_more(m_seats, m_given);
    }

    node::Request* begin(JobPtr job) {
        try {
            if (!job->file->claimed->still_reads(job->line)) {
                job->outcome = {Result::left, "its line was edited"};
            } else if (auto errand = m_lanes->m_work->begin(*job, name())) {
                node::Request* const request = &errand->request;
                m_bytes_under_way += bytes_moved_by(*job);
                m_under_way.emplace(request,
                                    Carried{std::move(job), std::move(errand), Ticket(m_lanes->m_under_way)});
                return request;
            }
        } catch (const std::exception& error) {
            if (!job)
                throw; // no memory to keep it under way
            leave_job(*job, error);
        }
        m_lanes->m_acted(std::move(job));
        return nullptr;
    }

    void arrive(Carried carried) {
        try {
            carried.errand->arrived(*carried.job);
        } catch (const FileChanged&) {
            m_is_giving = false;
            fail(std::move(carried), std::current_exception());
            return;
        } catch (const std::exception& error) {
            leave_job(*carried.job, error);
        }
        carried.errand.reset();
        m_lanes->m_acted(std::move(carried.job));
    }

    void fail(Carried carried, const std::exception_ptr& error) {
        Job& job = *carried.job;
        job.effect.reset();
        try {
            std::rethrow_exception(error);
        } catch (const node::NodeError& node_error) {
            const bool is_connecting = node_error.failure() == node::Failure::node_down ||
                                       node_error.refusal() == node::Refusal::connection;
            const Then then = blame(job, node_error);
            m_failed.push_back(
                {std::move(carried), then, is_connecting ? Errand::Reach::connecting : Errand::Reach::node});
            return;
        } catch (const FileChanged&) {
            job.outcome = carried.errand->file_changed();
            m_failed.push_back({std::move(carried), Then::ended, Errand::Reach::node});
            return;
        } catch (const node::Interrupted&) {
            job.outcome = {Result::left, "stopped"}; // what is on the node is for the next run to settle
        } catch (const std::exception& other) {
            leave_job(job, other);
        }
        m_can_keep_session = false;
        carried.errand.reset();
        m_lanes->m_acted(std::move(carried.job));
    }

    /// Whose fault is it? A broken connection fails all that are under way: the first that ended is the one
    /// that failed, the others are put back and count neither against the job nor against the node.
    Then blame(Job& job, const node::NodeError& error) {
        job.last_error = error.what();
        const bool may_be_shared =
            error.failure() == node::Failure::temporary || error.failure() == node::Failure::node_down;
        if (error.failure() != node::Failure::permanent)
            m_can_keep_session = false;
        if (error.failure() == node::Failure::node_down)
            m_node_answers = false;
        if (m_lanes->is_mere_refusal(m_node, error))
            return Then::put_back;
        if (may_be_shared && std::exchange(m_is_broken, true) && job.put_back < k_most_put_back) {
            ++job.put_back;
            return Then::put_back;
        }
        m_has_failed = true;
        job.tried.resize(m_lanes->m_scheduler->node_count());
        job.tried[m_node] = true;
        m_lanes->note_failure(job, m_node, error);
        return Then::elsewhere;
    }

    /// Takes back what the failed jobs sent, over the session that nothing else is under way on. Once the
    /// node did not answer, it is asked no more.
    void settle() {
        for (Failed& failed : m_failed) {
            Errand& errand = *failed.carried.errand;
            try {
                if (!errand.take_back(m_node_answers ? m_session.get() : nullptr, failed.reach))
                    m_can_keep_session = m_node_answers = false;
            } catch (const std::exception& error) {
                leave_job(*failed.carried.job, error);
                failed.then = Then::ended;
            }
            failed.carried.errand.reset();
        }
    }

    /// Gives up what the lane holds.
    void leave() {
        if (!m_has_worked && !m_has_failed)
            m_lanes->m_scheduler->not_tried(m_node);
        if (m_session && m_can_keep_session)
            m_lanes->m_sessions.give_back(m_node, std::move(m_session));
        m_session.reset();
        m_lanes->m_scheduler->release(m_seats);
    }

    void place() {
        // The last one first, as each goes in front.
        for (auto failed = m_failed.rbegin(); failed != m_failed.rend(); ++failed)
            if (failed->then == Then::put_back) {
                const auto placement = m_lanes->m_scheduler->put_back(failed->carried.job, m_node);
                m_lanes->answer(placement, std::move(failed->carried.job));
            }
        for (Failed& failed : m_failed) {
            if (failed.then == Then::elsewhere)
                m_lanes->place_elsewhere(std::move(failed.carried.job));
            else if (failed.then == Then::ended)
                m_lanes->m_acted(std::move(failed.carried.job));
        }
    }

    void end_all(const std::exception_ptr& error) {
        while (!m_under_way.empty()) {
            node::Request& request = *m_under_way.begin()->first;
            request.error = error;
            ended(request);
        }
    }

    [[nodiscard]] const std::string& name() const { return m_lanes->m_scheduler->config(m_node).name; }

    Lanes* m_lanes;
    JobPtr m_first;
    Scheduler::Seats m_seats;
    Ticket m_stream;
    std::size_t m_node;
    std::unique_ptr<node::Session> m_session;
    std::size_t m_given = 0;
    std::uint64_t m_bytes_under_way = 0;
    std::unordered_map<node::Request*, Carried> m_under_way;
    std::vector<Failed> m_failed;
    bool m_is_giving = true;
    bool m_has_worked = false;
    bool m_has_failed = false; ///< as the scheduler was told
    bool m_is_broken = false;  ///< by a failure that may fail others with it
    bool m_node_answers = true;
    bool m_can_keep_session = true;
};

void Lanes::carry_stream(Scheduler::Task task) {
    Stream(*this, std::move(task)).run();
}

} // namespace nodespool::processor
