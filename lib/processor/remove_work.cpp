// remove: from `.deleted/` to jobs, and from jobs to the nodes.
#include "processor/remove_work.hpp"

#include "base/deliberate_break.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "node/remote_name.hpp"
#include "processor/link_jobs.hpp"
#include "queue/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::processor {

namespace {

/// Link files of `.deleted/` whose jobs become durable together.
constexpr std::size_t k_group = 256;

template <typename Visit>
void for_each_copy(const catalog::Link& link, Visit&& visit) {
    for (const auto* copies : {&link.servers, &link.gone})
        for (const catalog::Copy& copy : *copies)
            visit(copy);
}

/// One that cannot be read waits for a person; the others go on.
void warn(const base::Error& error) {
    base::log(base::LogLevel::error, error.what());
}

bool records(const std::optional<catalog::Link>& link, const queue::JobRecord& job) {
    return link && link->has_copy({job.node, job.path, {}}) &&
           !base::is_broken(base::Break::removed_without_look);
}

Outcome kept(const queue::JobRecord& job) {
    return {Result::stale, "the link file of " + base::encode_name(job.cluster_path().value_or("")) +
                               " records this copy: it is kept"};
}

} // namespace

std::vector<std::string> RemoveWork::watched_directories() const {
    return {catalog::Deleted(m_cluster->root, m_spool->clock()).path()}; // makes it where it is missing
}

void RemoveWork::prepare() {
    const catalog::Deleted deleted(m_cluster->root, m_spool->clock());
    deleted.sync(); // a link that could come back must not lose its copies
    constexpr std::size_t k_descriptors_to_a_claim = 2;
    const std::size_t group = base::within_open_file_limit(k_group, k_descriptors_to_a_claim);
    std::vector<catalog::Deleted::Claim> claims;
    bool has_trouble = false;
    deleted.for_each([&](const std::string& name) {
        try {
            if (auto claim = deleted.claim(name))
                claims.push_back(std::move(*claim));
        } catch (const base::CannotLock&) {
            throw;
        } catch (const base::Error& error) {
            warn(error);
            has_trouble = true;
        }
        if (claims.size() >= group)
            queue_removals(claims, deleted);
        return true;
    });
    queue_removals(claims, deleted);
    if (has_trouble)
        throw base::Error(base::ErrorClass::io, deleted.path() + ": not every link file could be read");
}

void RemoveWork::queue_removals(std::vector<catalog::Deleted::Claim>& claims,
                                const catalog::Deleted& deleted) {
    if (claims.empty())
        return;
    queue::Outbox outbox(*m_spool);
    for (const catalog::Deleted::Claim& claim : claims)
        for_each_copy(claim.link(), [&](const catalog::Copy& copy) {
            outbox.add(remove_job(copy, claim.link().path, claim.link().size_bytes), queue::Priority::normal,
                       "");
        });
    deleted.sync();
    if (base::is_broken(base::Break::deletions_forgotten))
        std::for_each(claims.begin(), claims.end(), [](auto& claim) { claim.finish(); });
    outbox.commit();
    for (catalog::Deleted::Claim& claim : claims)
        claim.finish();
    claims.clear();
}

void RemoveWork::foretell(
    const std::function<void(const queue::JobRecord&, const std::string& origin)>& tell) const {
    const auto deleted = catalog::Deleted::open_existing(m_cluster->root);
    deleted.for_each([&](const std::string& name) {
        try {
            if (const auto link = deleted.read(name))
                for_each_copy(*link, [&](const catalog::Copy& copy) {
                    tell(remove_job(copy, link->path, link->size_bytes), ".deleted/" + name);
                });
        } catch (const base::Error& error) {
            warn(error);
        }
        return true;
    });
}

Assessment RemoveWork::assess(Job& job) {
    const std::string* attribute = job.record.find_attribute("path");
    if (attribute != nullptr) {
        const auto path = job.record.cluster_path();
        if (!path || !base::why_not_a_cluster_path(*path).empty())
            return {Verdict::ended,
                    {Result::rejected, fmt::format("{}: found path={}, expected the encoded path of a file",
                                                   job.file ? job.identity() : "", *attribute)}};
        if (records(m_catalog->read(*path), job.record))
            return {Verdict::ended, kept(job.record)};
    }
    job.need.barred.clear();
    bool is_known = false;
    for (const node::NodeConfig& node : m_cluster->nodes) {
        job.need.barred.push_back(node.name != job.record.node);
        is_known = is_known || node.name == job.record.node;
    }
    if (!is_known) // only of what comes from `.deleted/` in a dry run: a queued line would not be parsed
        return {Verdict::ended,
                {Result::rejected, "node " + job.record.node + " is not in the configuration"}};
    if (const std::string why = node::why_not_a_remote_name(job.record.path); !why.empty())
        return {Verdict::ended,
                {Result::rejected, fmt::format("{}: found {}, expected a name that a node can be asked for",
                                               job.file ? job.identity() : "", why)}};
    return {Verdict::on_a_node, {}};
}

class RemoveWork::Removing final : public Errand {
  public:
    Removing(const Job& job, const base::Clock& clock) : m_clock(&clock), m_start(clock.monotonic()) {
        request.kind = node::Request::Kind::remove;
        request.name = job.record.path;
    }
    void arrived(Job& job) override {
        job.outcome = request.removal == node::Removal::removed
                          ? Outcome(Result::done, "")
                          : Outcome(Result::already_done, "the node has no such file");
        job.outcome.node = job.record.node;
        job.outcome.name = job.record.path;
        job.outcome.seconds = std::chrono::duration<double>(m_clock->monotonic() - m_start).count();
        if (job.outcome.result == Result::done)
            job.outcome.bytes = job.record.size_bytes;
    }
    /// There is nothing to take back.
    bool take_back(node::Session*, Reach) override { return true; }

  private:
    const base::Clock* m_clock;
    base::MonotonicTime m_start;
};

std::unique_ptr<Errand> RemoveWork::begin(Job& job, const std::string&) {
    if (const auto path = job.record.cluster_path()) {
        // Under the link's lock, for the commit that would record this copy may be under way. After this look
        // none can: a name is used once, and its sender is the only one who records it.
        const catalog::LinkBatch batch(*m_catalog, {*path});
        if (records(batch.read(*path), job.record)) {
            job.outcome = kept(job.record);
            return nullptr;
        }
        m_catalog->ensure_in_place(); // one that was restored may record it
    }
    return std::make_unique<Removing>(job, m_spool->clock());
}

void RemoveWork::commit(std::vector<Job*>& group) {
    for (Job* job : group)
        job->effect.reset();
}

void RemoveWork::release(std::vector<Job*>& group) {
    commit(group);
}

} // namespace nodespool::processor
