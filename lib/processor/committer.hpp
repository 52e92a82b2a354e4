// The committer: makes the effects of finished acts durable in groups, then ticks their lines, then retires
// queue files.
#pragma once

#include "base/clock.hpp"
#include "processor/held_places.hpp"
#include "processor/second_look.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace nodespool::processor {

/// One thread, and another for the second look. A group begins every few milliseconds; what has gathered
/// while a group is made durable is the next group, so that groups grow with the load and a lone job does not
/// wait. The order within a group: effects (link files), resubmissions and rejects, the second look 100 ms
/// later, and only then the ticks, where what the group saw and did was in the directories of the cluster.
class Committer {
  public:
    /// How jobs and files leave the committer; called in its thread.
    struct Exits {
        std::function<void(JobPtr)> ended;               ///< ticked, or left
        std::function<void(JobPtr)> look_again;          ///< Result::again
        std::function<void(const base::Error&)> trouble; ///< a queue file could not be taken away
        std::function<void()> file_finished;             ///< a queue file was let go or taken away
    };
    Committer(const queue::Spool& spool, Work& work, HeldPlaces& places, Exits exits,
              std::chrono::milliseconds second_look, std::size_t largest_group);
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;
    /// Finishes everything that was given to it.
    ~Committer();

    void commit(JobPtr job);
    /// The file was read to its end. Its OpenFile is the committer's from here on.
    void finish(std::shared_ptr<OpenFile> file);

    [[nodiscard]] bool has_given_back_files() const { return m_given_back; }

  private:
    using Time = base::MonotonicTime;
    struct Retiring {
        Time due;
        std::shared_ptr<OpenFile> file;
    };

    void run();
    [[nodiscard]] Time next_due() const;
    [[nodiscard]] bool has_group() const;
    [[nodiscard]] bool has_work() const;
    std::vector<JobPtr> take_group();
    [[nodiscard]] bool is_over() const;
    void process(std::vector<JobPtr> group);
    void come_back(std::vector<JobPtr> group);
    void answer(std::vector<JobPtr>& group);
    void leave_if_replaced(const std::vector<JobPtr>& group);
    void end(JobPtr job);
    static void tick(std::vector<Job*> jobs);
    static void tick_in_one_file(std::span<Job* const> jobs);
    void maybe_finish(const std::shared_ptr<OpenFile>& file);
    void retire(const std::shared_ptr<OpenFile>& file);

    const queue::Spool* m_spool;
    Work* m_work;
    HeldPlaces* m_places;
    Exits m_exits;
    std::chrono::milliseconds m_retirement_delay;
    std::size_t m_largest_group; ///< each job of a group needs a few descriptors at once
    std::size_t m_full_group;    ///< does not wait for company

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::vector<JobPtr> m_incoming;
    std::vector<std::shared_ptr<OpenFile>> m_read;
    std::vector<std::vector<JobPtr>> m_come_back; ///< from the second look
    std::size_t m_groups_away = 0;                ///< there, or in m_come_back
    bool m_closing = false;

    Time m_next_group{};             ///< not before this, unless it is full
    std::deque<Retiring> m_retiring; ///< set aside, in the order of their times
    std::atomic<bool> m_given_back{false};
    SecondLook m_second_look;
    std::thread m_thread;
};

} // namespace nodespool::processor
