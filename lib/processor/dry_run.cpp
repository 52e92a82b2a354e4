// Dry runs.
#include "processor/dry_run.hpp"

#include "base/file_system.hpp"
#include "processor/node_memory.hpp"
#include "processor/report.hpp"
#include "queue/line_reader.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

class DryRun {
  public:
    DryRun(const Cluster& cluster, const queue::Spool& spool, Work& work, const RunOptions& options,
           const std::function<void(const Intention&)>& tell)
        : m_spool(&spool),
          m_work(&work),
          m_options(&options),
          m_tell(&tell),
          m_own(work.keywords()),
          m_scheduler(cluster.nodes, options.lanes, spool.clock()) {
        for (const node::NodeConfig& node : cluster.nodes)
            m_node_names.insert(node.name);
        m_scheduler.restore_cursor(saved_cursor(cluster, work));
        m_scheduler.close_nodes(closed_by_marks(cluster, read_node_marks(cluster.root), work.use()));
    }

    Summary run() {
        m_work->foretell([this](const queue::JobRecord& record, const std::string& origin) {
            Job job;
            job.record = record;
            tell_of(job, {origin, record.path, {}, {}, record.size_bytes, {}});
        });
        for (const std::string& name : m_spool->queue_files(m_own)) {
            const auto fd = base::try_open_regular(m_spool->fd(), name);
            if (!fd)
                continue;
            queue::LineReader reader(fd->get(), m_spool->path() + "/" + name);
            while (const auto line = reader.next())
                look_at(name, *line);
        }
        return m_summary;
    }

  private:
    void look_at(const std::string& queue_file, const queue::RawLine& line) {
        const queue::LineClass line_class = queue::classify(line.text);
        const bool is_own = std::find(m_own.begin(), m_own.end(), line_class.keyword) != m_own.end();
        if (line_class.kind == queue::LineKind::nothing ||
            (line_class.kind == queue::LineKind::job && !is_own))
            return;
        Intention intention;
        intention.job = queue_file + ":" + std::to_string(line.number);
        Job job;
        try {
            job.record =
                queue::parse_job(line.text, {m_spool->path() + "/" + queue_file, line.number}, &m_node_names);
        } catch (const queue::JobError& error) {
            ++m_summary.ended[Result::rejected];
            intention.what = "reject";
            intention.reason = error.what();
            (*m_tell)(intention);
            return;
        }
        intention.path = job.record.path;
        intention.size_bytes = job.record.size_bytes;
        tell_of(job, intention);
    }

    void tell_of(Job& job, Intention intention) {
        const std::string path = job.record.cluster_path().value_or(job.record.path);
        if (m_options->only && ::fnmatch(m_options->only->c_str(), path.c_str(), 0) != 0)
            return;
        if (m_options->max_jobs && m_looked >= *m_options->max_jobs)
            return;
        decide(job, intention);
        (*m_tell)(intention);
    }

    void decide(Job& job, Intention& intention) {
        if (job.record.not_before && *job.record.not_before > m_spool->clock().now()) {
            ++m_summary.deferred;
            intention.what = "wait";
            intention.reason = "not before " + base::format_rfc3339(*job.record.not_before);
            return;
        }
        ++m_looked;
        const Assessment assessment = m_work->assess(job);
        switch (assessment.verdict) {
        case Verdict::on_a_node:
            if (const auto node = m_scheduler.preview(job)) {
                intention.what = m_work->verb();
                intention.node = *node;
                return;
            }
            ++m_summary.ended[Result::resubmitted];
            intention.what = "resubmit";
            intention.reason = m_scheduler.why_no_node(job);
            return;
        case Verdict::here:
            intention.what = assessment.what;
            intention.reason = assessment.outcome.reason;
            return;
        case Verdict::ended:
            ++m_summary.ended[assessment.outcome.result];
            intention.what = verb_for(assessment.outcome.result);
            intention.reason = assessment.outcome.reason;
            return;
        }
    }

    static std::string verb_for(Result result) {
        switch (result) {
        case Result::stale:
        case Result::already_done:
            return "drop";
        case Result::resubmitted:
            return "resubmit";
        case Result::rejected:
            return "reject";
        case Result::done:
        case Result::duplicate:
        case Result::left:
        case Result::passed_over:
        case Result::again:
            return "leave";
        }
        return {};
    }

    const queue::Spool* m_spool;
    Work* m_work;
    const RunOptions* m_options;
    const std::function<void(const Intention&)>* m_tell;
    std::vector<queue::Keyword> m_own;
    queue::NodeNames m_node_names;
    Scheduler m_scheduler;
    Summary m_summary;
    std::uint64_t m_looked = 0;
};

} // namespace

Summary dry_run(const Cluster& cluster, const queue::Spool& spool, Work& work, const RunOptions& options,
                const std::function<void(const Intention&)>& tell) {
    return DryRun(cluster, spool, work, options, tell).run();
}

} // namespace nodespool::processor
