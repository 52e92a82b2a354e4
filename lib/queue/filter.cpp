// Batches through a policy program.
#include "queue/filter.hpp"

#include "queue/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace nodespool::queue {

namespace {

/// Of one batch. Nothing has changed when this throws.
void filter_batch(const Spool& spool, HandOut& hand_out, const Policy& policy, PolicyTotals& totals) {
    std::optional<QueueFileWriter> out; // dropped without commit(), it leaves nothing
    const PolicyOutcome outcome = run_policy(policy, hand_out.text(), [&](const JobRecord& job) {
        if (!out)
            out.emplace(spool.new_file(hand_out.priority()));
        out->add(job);
    });
    // The program had its time. What somebody changed meanwhile it has not seen.
    const auto& jobs = hand_out.jobs();
    const auto changed = std::find_if_not(jobs.begin(), jobs.end(), HandOut::still_stands);
    if (changed != jobs.end())
        throw PolicyError(fmt::format("{}:{} was changed while {} ran", HandOut::name_of_file(*changed),
                                      changed->mark.number, policy.command.front()));
    if (out)
        out->commit();
    totals.jobs_in += jobs.size();
    totals.jobs_out += outcome.jobs;
    totals.dropped += outcome.dropped;
    totals.changed += hand_out.tick_off();
}

} // namespace

void filter_jobs(const Spool& spool, const Selection& selection, const Policy& policy, PolicyTotals& totals,
                 const HandOut::BadLine& bad_line, BatchLimits limits) {
    spool.clear_abandoned();
    settle_set_aside_files(spool);
    HandOut hand_out(spool, selection, limits, bad_line);
    while (hand_out.next())
        filter_batch(spool, hand_out, policy, totals);
    hand_out.finish();
    totals.busy_files = hand_out.busy_files();
}

void preview_filter(const Spool& spool, const Selection& selection, const Policy& policy,
                    PolicyTotals& totals, const std::function<void(const JobRecord&)>& on_job) {
    std::string lines;
    std::size_t count = 0;
    std::optional<Priority> priority;
    const auto run = [&] {
        if (count == 0)
            return;
        const PolicyOutcome outcome = run_policy(policy, lines, on_job);
        totals.jobs_in += std::exchange(count, 0);
        totals.jobs_out += outcome.jobs;
        totals.dropped += outcome.dropped;
        lines.clear();
    };
    const base::Timestamp now = spool.clock().now();
    survey(spool, [&](const SurveyedJob& seen) {
        const bool waits = seen.state == JobState::ready || seen.state == JobState::deferred;
        if (!waits || !seen.job || !selection.wants(*seen.job, now))
            return;
        if (priority != priority_of(seen.queue_file) || count >= k_policy_batch.jobs ||
            lines.size() >= k_policy_batch.text_bytes)
            run();
        priority = priority_of(seen.queue_file);
        lines += line_with_history(seen.text, *seen.job, seen.queued_at, {}) + '\n';
        ++count;
    });
    run();
}

} // namespace nodespool::queue
