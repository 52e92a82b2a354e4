// Taking in groups.
#include "queue/take.hpp"

#include "base/file_system.hpp"
#include "queue/worked_off.hpp"

#include <algorithm>

namespace nodespool::queue {

namespace {

/// One write, one flush and, into a file, one fsync for so many jobs.
constexpr std::size_t k_jobs_in_a_group = 4096;
constexpr std::size_t k_bytes_in_a_group = 1U << 20U;
/// Half of them for files that are set aside (WorkedOff), a quarter for those of a group, at two each.
constexpr std::size_t k_wanted_descriptors = 8192;
constexpr std::size_t k_descriptors_to_a_file = 8;

} // namespace

Taken take_jobs(const Spool& spool, const Selection& selection, std::optional<std::uint64_t> most,
                const std::function<void(const std::vector<TakenJob>&)>& write,
                const HandOut::BadLine& bad_line) {
    const std::size_t descriptors =
        std::min(base::raise_open_file_limit(k_wanted_descriptors), k_wanted_descriptors);
    settle_set_aside_files(spool);
    const BatchLimits limits{k_jobs_in_a_group, k_bytes_in_a_group, Priorities::mixed,
                             std::max<std::size_t>(descriptors / k_descriptors_to_a_file, 1)};
    HandOut hand_out(spool, selection, limits, bad_line);
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
