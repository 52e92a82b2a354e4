// Taking in groups.
#include "queue/take.hpp"

namespace nodespool::queue {

namespace {

/// One write, one flush and, into a file, one fsync for so many jobs.
constexpr std::size_t k_jobs_in_a_group = 4096;
constexpr std::size_t k_bytes_in_a_group = 1U << 20U;

} // namespace

Taken take_jobs(const Spool& spool, const Selection& selection, std::optional<std::uint64_t> most,
                const std::function<void(const std::vector<TakenJob>&)>& write,
                const HandOut::BadLine& bad_line) {
    settle_set_aside_files(spool);
    HandOut hand_out(spool, selection, {k_jobs_in_a_group, k_bytes_in_a_group, Priorities::mixed}, bad_line);
    if (most)
        hand_out.stop_after(*most);
    Taken taken;
    while (hand_out.next()) {
        hand_out.drop_changed();
        std::vector<TakenJob> group;
        for (const HandOut::Job& job : hand_out.jobs())
            group.push_back({HandOut::name_of_file(job), job.mark.number, hand_out.line(job)});
        if (!group.empty())
            write(group);
        taken.changed += hand_out.tick_off();
        taken.jobs += group.size();
    }
    hand_out.finish();
    taken.busy_files = hand_out.busy_files();
    return taken;
}

} // namespace nodespool::queue
