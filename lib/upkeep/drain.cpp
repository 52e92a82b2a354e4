// The pass over all link files.
#include "upkeep/drain.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "catalog/walk.hpp"
#include "processor/copy_count.hpp"
#include "processor/link_jobs.hpp"
#include "processor/node_marks.hpp"
#include "processor/removals.hpp"
#include "queue/outbox.hpp"
#include "upkeep/drain_look.hpp"
#include "upkeep/replication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace nodespool::upkeep {

namespace {

using catalog::Copy;
using catalog::Link;

/// Dropped under one lock, and queued in one queue file.
constexpr std::size_t k_batch = 100;
constexpr std::size_t k_descriptors_to_a_file = 3;
constexpr std::size_t k_jobs_in_a_file = 1000;

/// A file whose copy may go: enough others were seen.
struct Candidate {
    Link link; ///< as it was when they were seen
    std::vector<Copy> seen;
};

unsigned wanted_copies(const Link& link) {
    return std::max(link.copies, 1U);
}

bool has_copy_on(const Link& link, const std::string& node) {
    return std::any_of(link.servers.begin(), link.servers.end(),
                       [&](const Copy& copy) { return copy.node == node; });
}

class Drain {
  public:
    Drain(const processor::Cluster& cluster, const catalog::Catalog& catalog, const queue::Spool* spool,
          std::string node, const DrainListener& listener)
        : m_cluster(&cluster),
          m_catalog(&catalog),
          m_spool(spool),
          m_node(std::move(node)),
          m_listener(&listener),
          m_marks(cluster.root),
          m_look(cluster.nodes, listener.stop),
          m_queued(queue::Spool::open_existing(cluster.root, base::system_clock())) {
        (void)m_marks.current(); // those that cannot be understood are refused, whatever is to be drained
        if (spool == nullptr)
            return;
        spool->clear_abandoned(); // of runs that were killed
        catalog.clear_abandoned();
        m_outbox.emplace(*spool);
    }

    DrainReport run() {
        try {
            catalog::for_each_link(*m_catalog, "", [&](const std::string& path) { return visit(path); });
            if (m_report.end == DrainReport::End::complete)
                finish_batch();
        } catch (const node::Interrupted&) {
            m_report.end = DrainReport::End::stopped;
        }
        if (m_report.end != DrainReport::End::resumed)
            commit_jobs();
        if (m_report.end == DrainReport::End::complete && m_report.files > 0 && m_report.left() == 0 &&
            m_spool != nullptr)
            look_for_newcomers();
        return m_report;
    }

  private:
    /// false: the walk ends here.
    bool visit(const std::string& path) {
        if (m_listener->stop()) {
            m_report.end = DrainReport::End::stopped;
            return false;
        }
        if (!is_draining())
            return false;
        ++m_report.links;
        if (const std::optional<Link> link = read(path)) {
            if (!link->gone.empty() && m_spool != nullptr)
                m_with_gone.push_back(path); // of a run that died before it had queued their removal
            if (has_copy_on(*link, m_node)) {
                ++m_report.files;
                consider(*link);
            }
        }
        if (m_batch.size() + m_with_gone.size() >= m_most_in_batch)
            finish_batch();
        if (m_asked_for.size() >= k_jobs_in_a_file)
            commit_jobs();
        if (m_listener->on_progress)
            m_listener->on_progress(m_report);
        return m_report.end == DrainReport::End::complete;
    }

    /// A dry run marks nothing, so it looks for no mark.
    bool is_draining() {
        if (m_spool != nullptr && m_marks.current().of(m_node) != processor::Mark::draining)
            m_report.end = DrainReport::End::resumed;
        return m_report.end == DrainReport::End::complete;
    }

    std::optional<Link> read(const std::string& path) {
        try {
            return m_catalog->read(path);
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            tell({Drained::unreadable, path, 0, error.what()});
            return std::nullopt;
        }
    }

    void consider(const Link& link) {
        const unsigned wanted = wanted_copies(link);
        const std::vector<Copy> others = others_of(link);
        if (others.size() >= wanted) {
            look_at(link, others, wanted);
        } else if (const std::size_t reachable = nodes_in_reach(others); reachable < wanted) {
            tell({Drained::cannot, link.path, link.size_bytes,
                  fmt::format("{} copies are wanted, {} other nodes can hold one", wanted, reachable)});
        } else if (m_queued.has(link, wanted)) {
            tell({Drained::waiting, link.path, link.size_bytes, {}});
        } else {
            ask_for_copies(link, wanted);
        }
    }

    [[nodiscard]] bool counts(const std::string& node, const processor::NodeMarks& marks) const {
        return node != m_node && processor::counts_as_copy(*m_cluster, marks, node);
    }

    /// Copies on other nodes, one for each node.
    std::vector<Copy> others_of(const Link& link) {
        const processor::NodeMarks& marks = m_marks.current();
        std::vector<Copy> others;
        std::set<std::string> nodes;
        for (const Copy& copy : link.servers)
            if (counts(copy.node, marks) && nodes.insert(copy.node).second)
                others.push_back(copy);
        return others;
    }

    /// How many nodes have a copy that counts, or take one.
    std::size_t nodes_in_reach(const std::vector<Copy>& others) {
        const processor::NodeMarks& marks = m_marks.current();
        return static_cast<std::size_t>(
            std::count_if(m_cluster->nodes.begin(), m_cluster->nodes.end(), [&](const auto& config) {
                return config.name != m_node &&
                       (marks.takes_new_copies(config.name) ||
                        std::any_of(others.begin(), others.end(),
                                    [&](const Copy& copy) { return copy.node == config.name; }));
            }));
    }

    void look_at(const Link& link, const std::vector<Copy>& others, unsigned wanted) {
        Candidate candidate{link, {}};
        std::string why_not;
        for (const Copy& copy : others) {
            if (candidate.seen.size() == wanted)
                break;
            const std::string why = m_look.why_not_seen(copy, link.size_bytes);
            if (why.empty())
                candidate.seen.push_back(copy);
            else
                why_not += (why_not.empty() ? "" : "; ") + why;
        }
        if (candidate.seen.size() < wanted)
            tell({Drained::not_seen, link.path, link.size_bytes, why_not});
        else
            m_batch.push_back(std::move(candidate));
    }

    void ask_for_copies(const Link& link, unsigned wanted) {
        if (m_outbox)
            m_outbox->add(processor::replicate_job(link, wanted), queue::Priority::normal, "");
        m_queued.add(link, wanted);
        m_asked_for.push_back({Drained::queued, link.path, link.size_bytes, {}});
    }

    void commit_jobs() {
        if (m_outbox)
            m_outbox->commit();
        for (const DrainedFile& file : m_asked_for)
            tell(file);
        m_asked_for.clear();
    }

    void finish_batch() {
        if (m_spool == nullptr)
            for (const Candidate& candidate : m_batch)
                tell(dropped(candidate));
        else if (!m_batch.empty() || !m_with_gone.empty())
            drop_batch();
        m_batch.clear();
        m_with_gone.clear();
    }

    /// The link files without the copies, which become `gone` lines; then their `remove` jobs; then the link
    /// files without the `gone` lines. Killed between them, the next run finds these lines.
    void drop_batch() {
        std::vector<DrainedFile> outcomes;
        {
            catalog::LinkBatch batch(*m_catalog, paths_of_batch());
            if (!is_draining())
                return;
            const processor::NodeMarks marks = m_marks.current();
            std::vector<processor::WithGoneCopies> with_gone;
            for (const std::string& path : m_with_gone)
                if (const auto link = batch.read(path); link && !link->gone.empty()) {
                    batch.rely_on(path);
                    with_gone.push_back({*link, 0});
                }
            for (const Candidate& candidate : m_batch) {
                std::optional<Link> link = batch.read(candidate.link.path);
                if (!link || !has_copy_on(*link, m_node)) {
                    --m_report.files; // another drain was faster, or the file was deleted
                    continue;
                }
                if (!may_drop(candidate, *link, marks)) {
                    outcomes.push_back({Drained::changed, candidate.link.path, candidate.link.size_bytes,
                                        "it changed while its copies were looked at"});
                    continue;
                }
                drop(*link);
                batch.replace(*link);
                std::erase_if(with_gone, [&](const auto& other) { return other.link.path == link->path; });
                with_gone.push_back({*link, link->size_bytes});
                outcomes.push_back(dropped(candidate));
            }
            batch.commit();
            if (!with_gone.empty())
                processor::queue_removals(batch, *m_spool, with_gone);
        }
        for (const DrainedFile& file : outcomes)
            tell(file);
    }

    [[nodiscard]] std::vector<std::string> paths_of_batch() const {
        std::vector<std::string> paths = m_with_gone;
        for (const Candidate& candidate : m_batch)
            paths.push_back(candidate.link.path);
        return paths;
    }

    /// Under the link's lock: is it the version whose copies were seen, are they all still recorded and do
    /// they still count, and are they still enough?
    [[nodiscard]] bool may_drop(const Candidate& candidate, const Link& link,
                                const processor::NodeMarks& marks) const {
        return link.size_bytes == candidate.link.size_bytes && link.mtime == candidate.link.mtime &&
               candidate.seen.size() >= wanted_copies(link) &&
               std::all_of(candidate.seen.begin(), candidate.seen.end(),
                           [&](const Copy& copy) { return link.has_copy(copy) && counts(copy.node, marks); });
    }

    void drop(Link& link) const {
        for (const Copy& copy : link.servers)
            if (copy.node == m_node)
                link.gone.push_back({copy.node, copy.name, {}});
        std::erase_if(link.servers, [&](const Copy& copy) { return copy.node == m_node; });
    }

    static DrainedFile dropped(const Candidate& candidate) {
        std::string where;
        for (const Copy& copy : candidate.seen)
            where += (where.empty() ? "" : ",") + copy.node;
        return {Drained::dropped, candidate.link.path, candidate.link.size_bytes, where};
    }

    void tell(const DrainedFile& file) {
        ++m_report.by_kind[static_cast<std::size_t>(file.drained)];
        if (m_listener->on_file)
            m_listener->on_file(file);
    }

    /// A processor that began before the node was marked may have put a copy there since.
    void look_for_newcomers() {
        catalog::for_each_link(*m_catalog, "", [&](const std::string& path) {
            try {
                const std::optional<Link> link = m_catalog->read(path);
                m_report.came += link && has_copy_on(*link, m_node) ? 1 : 0;
            } catch (const base::Error&) {
                // Told already, or told by the next run.
            }
            return !m_listener->stop();
        });
    }

    const processor::Cluster* m_cluster;
    const catalog::Catalog* m_catalog;
    const queue::Spool* m_spool;
    std::string m_node;
    const DrainListener* m_listener;
    processor::NodeMarksFile m_marks;
    CopyLook m_look;
    QueuedReplications m_queued;
    std::optional<queue::Outbox> m_outbox;
    const std::size_t m_most_in_batch = base::within_open_file_limit(k_batch, k_descriptors_to_a_file);
    std::vector<Candidate> m_batch;
    std::vector<std::string> m_with_gone;
    std::vector<DrainedFile> m_asked_for; ///< their jobs are not committed yet
    DrainReport m_report;
};

} // namespace

std::string_view to_string(Drained drained) {
    switch (drained) {
    case Drained::dropped:
        return "dropped";
    case Drained::queued:
        return "queued";
    case Drained::waiting:
        return "waiting";
    case Drained::not_seen:
        return "not-seen";
    case Drained::cannot:
        return "cannot";
    case Drained::changed:
        return "changed";
    case Drained::unreadable:
        return "unreadable";
    }
    return "";
}

DrainReport drain(const processor::Cluster& cluster, const catalog::Catalog& catalog,
                  const queue::Spool* spool, const std::string& node, const DrainListener& listener) {
    return Drain(cluster, catalog, spool, node, listener).run();
}

} // namespace nodespool::upkeep
