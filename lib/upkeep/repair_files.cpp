// Verifying and repairing link files, in batches.
#include "upkeep/repair_files.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "processor/link_jobs.hpp"
#include "processor/removals.hpp"
#include "queue/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

bool is_of_copy(const Finding& finding) {
    return finding.kind == FindingKind::missing || finding.kind == FindingKind::size ||
           finding.kind == FindingKind::content;
}

bool is_verified_by(const Finding& finding, const catalog::Link& link) {
    return is_of_copy(finding) && link.has_copy({finding.node, finding.name, {}});
}

Judgement judgement_of(const SeenCopy& seen, const catalog::Link& link) {
    switch (seen.state) {
    case SeenCopy::State::sound:
        return {Judgement::State::sound, {}};
    case SeenCopy::State::absent:
        return {Judgement::State::absent, "it is not there"};
    case SeenCopy::State::wrong_size:
        return {Judgement::State::damaged,
                fmt::format("it has {} bytes instead of {}", seen.size_bytes, link.size_bytes)};
    case SeenCopy::State::wrong_content:
        return {Judgement::State::damaged,
                fmt::format("its content is {} instead of {}", seen.checksum, link.checksum)};
    }
    return {};
}

} // namespace

FileRepair::FileRepair(const RepairContext& context)
    : m_context(context),
      m_files(context.cluster.files, context.cluster.quiet, base::system_clock()) {}

void FileRepair::add(const std::string& path, std::vector<Finding> findings) {
    if (!m_batch.empty() && m_batch.back().path == path)
        finish(); // more of the same file: a batch changes a link once
    m_batch.push_back({path, std::move(findings), {}, {}});
    if (m_batch.size() >= repair_batch())
        finish();
}

void FileRepair::finish() {
    for (File& file : m_batch)
        look_at(file);
    m_context.looks.wait();
    if (m_context.pretends()) {
        for (File& file : m_batch)
            if (const auto link = read(file); file.decision.outcomes.empty())
                file.decision = decide(file.findings, link, file.judgements);
    } else {
        std::vector<std::string> paths;
        for (const File& file : m_batch)
            paths.push_back(file.path);
        change_links(paths);
    }
    queue_follow_ups();
    for (const File& file : m_batch)
        for (const RepairOutcome& outcome : file.decision.outcomes)
            m_context.tell(outcome);
    m_batch.clear();
}

/// nullopt where there is none; where it cannot be understood, that is the outcome of all its findings.
std::optional<catalog::Link> FileRepair::read(File& file) {
    try {
        return m_context.catalog.read(file.path);
    } catch (const base::Error& error) {
        m_context.summary.unreadable = true;
        file.decision = {};
        for (const Finding& finding : file.findings)
            file.decision.outcomes.push_back({finding, Repaired::kept, error.what()});
        return std::nullopt;
    }
}

/// Asks for every copy of a file of which one is said to be bad: what becomes of that one depends on the
/// others.
void FileRepair::look_at(File& file) {
    const std::optional<catalog::Link> link = read(file);
    if (!link || std::none_of(file.findings.begin(), file.findings.end(),
                              [&](const Finding& finding) { return is_verified_by(finding, *link); }))
        return;
    const bool by_content =
        std::any_of(file.findings.begin(), file.findings.end(), [&](const Finding& finding) {
            return finding.kind == FindingKind::content && is_verified_by(finding, *link);
        });
    for (const catalog::Copy& copy : link->servers)
        ask(file, *link, copy, by_content ? ReadBack::yes : ReadBack::no);
}

void FileRepair::ask(File& file, const catalog::Link& link, const catalog::Copy& copy, ReadBack read_back) {
    const auto note = [this, &file, copy](Judgement judgement) {
        const std::scoped_lock lock(m_mutex);
        file.judgements[{copy.node, copy.name}] = std::move(judgement);
    };
    m_context.looks.ask(
        copy.node,
        [note, link, copy, read_back](node::Session& session) {
            note(judgement_of(look_at_copy(session, copy.name, link, read_back), link));
        },
        [note](const std::string& reason) {
            note({Judgement::State::unknown, reason});
        });
}

/// Under the links' locks: decides anew on what stands there by now.
void FileRepair::change_links(std::vector<std::string>& paths) {
    catalog::LinkBatch batch(m_context.catalog, paths);
    std::vector<processor::WithGoneCopies> with_gone;
    for (File& file : m_batch) {
        const std::optional<catalog::Link> link = read(file);
        if (!link && !file.decision.outcomes.empty())
            continue; // it cannot be understood
        file.decision = decide(file.findings, link, file.judgements);
        if (file.decision.changes)
            batch.replace(file.decision.link);
        else if (!file.decision.link.gone.empty())
            batch.rely_on(file.path);
        if (!file.decision.link.gone.empty())
            with_gone.push_back({file.decision.link, 0});
    }
    batch.commit();
    if (!with_gone.empty())
        processor::queue_removals(batch, m_context.spool, with_gone);
}

/// Jobs for what lacks copies, and what the outcomes say of them.
void FileRepair::queue_follow_ups() {
    queue::Outbox outbox(m_context.spool);
    for (File& file : m_batch) {
        Decision& decision = file.decision;
        queue::JobRecord job;
        bool is_new = false;
        if (decision.is_short) {
            is_new = queue_replication(decision.link, decision.wanted, job);
            const std::string which = is_new ? "a job" : "a job that is queued already";
            for (RepairOutcome& outcome : decision.outcomes)
                if (outcome.result != Repaired::settled && outcome.result != Repaired::not_verified)
                    outcome.reason += fmt::format("{}{} makes it {} copies",
                                                  outcome.reason.empty() ? "" : "; ", which, decision.wanted);
        } else if (decision.lacks_all) {
            is_new = queue_store(decision.link, job, decision);
        }
        if (is_new && !m_context.pretends())
            outbox.add(job, queue::Priority::normal, "");
    }
    outbox.commit();
}

bool FileRepair::queue_replication(const catalog::Link& link, unsigned copies, queue::JobRecord& job) {
    if (!m_queued_replications)
        m_queued_replications.emplace(m_context.spool);
    if (m_queued_replications->has(link, copies))
        return false;
    m_queued_replications->add(link, copies);
    job = processor::replicate_job(link, copies);
    return true;
}

/// Where the file space still has the version that lost its copies.
bool FileRepair::queue_store(const catalog::Link& link, queue::JobRecord& job, Decision& decision) {
    const auto found = m_files.look(link.path);
    const bool is_there = found.status && link.records(found.status->size_bytes, found.status->mtime);
    for (RepairOutcome& outcome : decision.outcomes) {
        if (outcome.result != Repaired::lost)
            continue;
        outcome.reason = is_there ? "no copy is left, but the local file is there: it is stored again"
                                  : "no copy is left: upload the file again, or delete it";
        if (is_there)
            outcome.result = Repaired::store_queued;
    }
    if (!is_there)
        return false;
    if (!m_queued_stores)
        m_queued_stores.emplace(m_context.spool);
    job = processor::store_job(link);
    return m_queued_stores->add(link);
}

} // namespace nodespool::upkeep
