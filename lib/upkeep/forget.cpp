// The pass over all link files.
#include "upkeep/forget.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "catalog/walk.hpp"
#include "processor/copy_count.hpp"
#include "processor/file_space.hpp"
#include "processor/link_jobs.hpp"
#include "processor/node_marks.hpp"
#include "processor/removals.hpp"
#include "queue/outbox.hpp"
#include "upkeep/queued_stores.hpp"
#include "upkeep/replication.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace nodespool::upkeep {

namespace {

using catalog::Copy;
using catalog::Link;

/// Changed under one lock.
constexpr std::size_t k_batch = 100;
constexpr std::size_t k_descriptors_to_a_file = 3;
constexpr std::size_t k_jobs_in_a_file = 1000;

class Forget {
  public:
    Forget(const processor::Cluster& cluster, const catalog::Catalog& catalog, const queue::Spool* spool,
           std::string node, Replicate replicate, const ForgetListener& listener)
        : m_cluster(&cluster),
          m_catalog(&catalog),
          m_spool(spool),
          m_node(std::move(node)),
          m_replicate(replicate),
          m_listener(&listener),
          m_files(cluster.files, cluster.quiet, base::system_clock()),
          m_marks(processor::read_node_marks(cluster.root)),
          m_queued_stores(queue::Spool::open_existing(cluster.root, base::system_clock())),
          m_queued_replications(queue::Spool::open_existing(cluster.root, base::system_clock())) {
        if (spool == nullptr)
            return;
        spool->clear_abandoned(); // of runs that were killed
        catalog.clear_abandoned();
        m_outbox.emplace(*spool);
    }

    ForgetReport run() {
        catalog::for_each_link(*m_catalog, "", [&](const std::string& path) { return visit(path); });
        while (!m_batch.empty())
            finish_batch();
        commit_jobs();
        return m_report;
    }

  private:
    /// false: the walk ends here.
    bool visit(const std::string& path) {
        if (m_listener->stop()) {
            m_report.end = ForgetReport::End::stopped;
            return false;
        }
        ++m_report.links;
        if (const std::optional<Link> link = read(path)) {
            m_report.files += names_node(*link) ? 1 : 0;
            if (names_node(*link) || !link->gone.empty()) // `gone`: of a run that died too early
                m_batch.push_back(path);
            else
                queue_what_is_missing(*link);
        }
        if (m_batch.size() >= m_most_in_batch)
            finish_batch();
        if (m_listener->on_progress)
            m_listener->on_progress(m_report);
        return true;
    }

    std::optional<Link> read(const std::string& path) {
        try {
            return m_catalog->read(path);
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            ++m_report.unreadable;
            return std::nullopt;
        }
    }

    [[nodiscard]] bool is_on_node(const Copy& copy) const { return copy.node == m_node; }
    [[nodiscard]] bool names_node(const Link& link) const {
        const auto on_node = [&](const Copy& copy) { return is_on_node(copy); };
        return std::any_of(link.servers.begin(), link.servers.end(), on_node) ||
               std::any_of(link.gone.begin(), link.gone.end(), on_node);
    }
    /// With the node's last copy it loses the file.
    [[nodiscard]] bool is_last_copy(const Link& link) const {
        return !link.servers.empty() && std::all_of(link.servers.begin(), link.servers.end(),
                                                    [&](const Copy& copy) { return is_on_node(copy); });
    }

    /// Tells what is lost, then changes the links. What turned out otherwise under the lock stays in the
    /// batch, for another look.
    void finish_batch() {
        std::set<std::string> told;
        for (const std::string& path : m_batch)
            if (const std::optional<Link> link = read(path); link && is_last_copy(*link)) {
                m_listener->on_lost(*link, look_for(*link));
                told.insert(path);
            }
        m_listener->flush();
        m_report.lost += told.size();
        std::vector<std::string> again;
        std::vector<Link> changed;
        if (m_spool == nullptr)
            pretend(changed);
        else
            change_links(told, changed, again);
        m_batch = std::move(again);
        for (const Link& link : changed)
            queue_what_is_missing(link);
    }

    void pretend(std::vector<Link>& changed) {
        for (const std::string& path : m_batch)
            if (std::optional<Link> link = read(path)) {
                take_node_out(*link);
                changed.push_back(std::move(*link));
            }
    }

    void change_links(const std::set<std::string>& told, std::vector<Link>& changed,
                      std::vector<std::string>& again) {
        catalog::LinkBatch batch(*m_catalog, m_batch);
        std::vector<processor::WithGoneCopies> with_gone;
        for (const std::string& path : m_batch) {
            std::optional<Link> link = read(path); // under the lock: as batch.read()
            if (!link || (!names_node(*link) && link->gone.empty()))
                continue;
            if (is_last_copy(*link) && !told.contains(path)) {
                again.push_back(path);
                continue;
            }
            if (told.contains(path) && !is_last_copy(*link)) {
                --m_report.lost;
                base::log(base::LogLevel::info, {{"result", "not-lost"},
                                                 {"file", base::encode_name(path)},
                                                 {"reason", "it got another copy meanwhile"}});
            }
            if (names_node(*link)) {
                take_node_out(*link);
                batch.replace(*link);
            } else {
                batch.rely_on(path);
            }
            if (!link->gone.empty())
                with_gone.push_back({*link, 0});
            changed.push_back(std::move(*link));
        }
        batch.commit();
        if (!with_gone.empty())
            processor::queue_removals(batch, *m_spool, with_gone);
    }

    /// What left the link stands in the log: it is what a mistake is undone with.
    void log_forgotten(const Link& link) const {
        for (const std::vector<Copy>* copies : {&link.servers, &link.gone})
            for (const Copy& copy : *copies)
                if (is_on_node(copy))
                    base::log(base::LogLevel::info, {{"result", m_outbox ? "forgotten" : "would-forget"},
                                                     {"file", base::encode_name(link.path)},
                                                     {"node", copy.node},
                                                     {"name", base::encode_name(copy.name)}});
    }

    void take_node_out(Link& link) const {
        log_forgotten(link);
        const auto on_node = [&](const Copy& copy) { return is_on_node(copy); };
        std::erase_if(link.servers, on_node);
        std::erase_if(link.gone, on_node);
    }

    /// The recorded version, or what a run that was cut short has hidden of it.
    [[nodiscard]] InFileSpace look_for(const Link& link) const {
        const auto found = m_files.look(link.path).status;
        if (found && link.records(found->size_bytes, found->mtime))
            return InFileSpace::yes;
        const std::string parent(base::parent_of(link.path));
        const auto hidden =
            m_files.look((parent.empty() ? "" : parent + "/") + processor::hidden_name(link.path)).status;
        return hidden && link.records(hidden->size_bytes, hidden->mtime) ? InFileSpace::yes : InFileSpace::no;
    }

    /// For a link that does not name the node (any more).
    void queue_what_is_missing(const Link& link) {
        if (link.servers.empty()) {
            if (look_for(link) == InFileSpace::yes && m_queued_stores.add(link))
                queue(processor::store_job(link), m_report.to_store);
        } else if (m_replicate == Replicate::yes) {
            const unsigned wanted = std::max(link.copies, 1U);
            if (copies_that_count(link) >= wanted)
                return;
            if (m_queued_replications.has(link, wanted)) {
                ++m_report.waiting;
                return;
            }
            m_queued_replications.add(link, wanted);
            queue(processor::replicate_job(link, wanted), m_report.to_copy);
        }
    }

    [[nodiscard]] std::size_t copies_that_count(const Link& link) const {
        return static_cast<std::size_t>(
            std::count_if(link.servers.begin(), link.servers.end(), [&](const Copy& copy) {
                return copy.node != m_node && processor::counts_as_copy(*m_cluster, m_marks, copy.node);
            }));
    }

    void queue(const queue::JobRecord& job, std::uint64_t& counter) {
        ++counter;
        base::log(base::LogLevel::info,
                  {{"result", m_outbox ? "queued" : "would-queue"}, {"job", queue::format_job(job)}});
        if (!m_outbox)
            return;
        m_outbox->add(job, queue::Priority::normal, "");
        if (++m_uncommitted_jobs == k_jobs_in_a_file)
            commit_jobs();
    }

    void commit_jobs() {
        if (m_outbox)
            m_outbox->commit();
        m_uncommitted_jobs = 0;
    }

    const processor::Cluster* m_cluster;
    const catalog::Catalog* m_catalog;
    const queue::Spool* m_spool;
    std::string m_node;
    Replicate m_replicate;
    const ForgetListener* m_listener;
    processor::FileSpace m_files;
    processor::NodeMarks m_marks;
    QueuedStores m_queued_stores;
    QueuedReplications m_queued_replications;
    std::optional<queue::Outbox> m_outbox;
    std::size_t m_uncommitted_jobs = 0;
    const std::size_t m_most_in_batch = base::within_open_file_limit(k_batch, k_descriptors_to_a_file);
    std::vector<std::string> m_batch; ///< paths of links that name the node, or have `gone` lines
    ForgetReport m_report;
};

} // namespace

ForgetReport forget(const processor::Cluster& cluster, const catalog::Catalog& catalog,
                    const queue::Spool* spool, const std::string& node, Replicate replicate,
                    const ForgetListener& listener) {
    return Forget(cluster, catalog, spool, node, replicate, listener).run();
}

} // namespace nodespool::upkeep
