// Deleting files, a batch at a time.
#include "upkeep/deletion.hpp"

#include "base/path_name.hpp"
#include "catalog/walk.hpp"
#include "queue/job.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

using Local = DeletedFile::Local;

catalog::Catalog catalog_for(const processor::Cluster& cluster, DeletionMode mode) {
    return mode == DeletionMode::real ? catalog::Catalog(cluster.root)
                                      : catalog::Catalog::open_existing(cluster.root);
}

[[noreturn]] void throw_not_allowed(const std::string& path, const std::string& why) {
    throw base::Error(base::ErrorClass::permission,
                      fmt::format("cannot delete {}: {}", base::encode_name(path), why));
}

} // namespace

Deletion::Deletion(const processor::Cluster& cluster, DeletionMode mode, DeletionListener listener,
                   DeletionLimits limits)
    : m_listener(std::move(listener)),
      m_limits(limits),
      m_files(cluster.files, cluster.quiet, base::system_clock()),
      m_root(base::status_at(base::k_cwd, cluster.root)),
      m_catalog(catalog_for(cluster, mode)),
      m_take_away(m_files) {
    if (mode == DeletionMode::dry_run)
        return;
    constexpr std::size_t k_descriptors_to_a_file = 2; // its link's lock, and its directory
    m_limits.batch = base::within_open_file_limit(m_limits.batch, k_descriptors_to_a_file);
    m_deleted.emplace(cluster.root);
    m_spool.emplace(cluster.root, base::system_clock());
    m_outbox.emplace(*m_spool);
}

Deletion::There Deletion::look(const std::string& path) const {
    There there;
    base::FileType link_type = base::FileType::other;
    if (m_catalog.dir_fd() >= 0)
        if (const auto link = base::status_at(m_catalog.dir_fd(), path))
            link_type = link->type;
    const base::BeneathResult local = base::find_beneath(m_files.fd(), path);
    const base::FileType local_type =
        local.fd.is_open() ? base::status_of(local.fd.get(), path).type : base::FileType::other;
    there.file = link_type == base::FileType::regular || local_type == base::FileType::regular ||
                 m_take_away.leftover(path);
    there.directory = link_type == base::FileType::directory || local_type == base::FileType::directory;
    return there;
}

void Deletion::add(const std::string& path) {
    m_paths.insert(path);
    if (m_paths.size() >= m_limits.batch)
        work_off();
}

void Deletion::finish() {
    work_off();
}

void Deletion::work_off() {
    const std::vector<std::string> paths(m_paths.begin(), m_paths.end());
    m_paths.clear();
    if (!m_deleted) {
        for (const std::string& path : paths)
            foresee(path);
        return;
    }
    std::vector<Item> items;
    {
        catalog::LinkBatch batch(m_catalog, paths);
        for (const std::string& path : paths) {
            Item item;
            item.file.path = path;
            if (attempt(item, [&] {
                    // A link file that nobody can read stays: nobody could find its copies by it either.
                    item.file.was_stored = batch.read(path).has_value();
                    hide(item);
                }))
                items.push_back(std::move(item));
        }
        unlink_hidden(items);
        for (const Item& item : items)
            if (item.file.was_stored)
                batch.move_to_deleted(item.file.path, *m_deleted);
        batch.commit();
    }
    std::string parent;
    for (const Item& item : items) {
        if (item.file.was_stored && parent != base::parent_of(item.file.path)) {
            parent = base::parent_of(item.file.path);
            catalog::remove_empty_parents(m_catalog, item.file.path);
        }
        if (item.file.was_stored || item.file.local != Local::none)
            m_listener.on_file(item.file);
    }
}

/// false: the step failed, the listener was told, and the link is to stay.
bool Deletion::attempt(Item& item, const std::function<void()>& step) {
    try {
        step();
        return true;
    } catch (const base::Error& error) {
        m_listener.on_failure(item.file.path, error);
        return false;
    }
}

/// Hides the local file, where nobody writes to it. A store at work may move it between its name and the
/// hidden one meanwhile, and an uploader may put another in its place.
void Deletion::hide(Item& item) {
    constexpr int k_most_looks = 10;
    for (int looks = 0; looks < k_most_looks; ++looks) {
        settle_hidden(item);
        if (item.file.local == Local::being_written)
            return;
        const processor::FileSpace::Opened opened = m_files.open(item.file.path);
        if (opened.found.not_allowed)
            throw_not_allowed(item.file.path, opened.found.why_not);
        if (!opened.found.status)
            return;
        if (m_files.rest_of(opened.fd.get(), *opened.found.status) == processor::Rest::being_written)
            break;
        processor::ParentDirectories parents(m_files);
        if (m_take_away.hide(item.file.path, *opened.found.status, parents) ==
            processor::TakeAway::Hiding::hidden) {
            item.hidden = opened.found.status;
            return;
        }
    }
    item.file.local = Local::being_written;
}

/// The hidden file of the path, whoever hid it: this run, a store at work, or one that died. It goes, or back
/// to its name where it is written to.
void Deletion::settle_hidden(Item& item) {
    const std::optional<base::FileStatus> hidden_by_this_run = std::exchange(item.hidden, std::nullopt);
    const std::optional<base::FileStatus> there = m_take_away.leftover(item.file.path);
    if (!there) {
        if (hidden_by_this_run)
            hide_again(item, *hidden_by_this_run);
        return;
    }
    using Ending = processor::TakeAway::Ending;
    processor::ParentDirectories parents(m_files);
    const Ending ending =
        m_take_away.finish(item.file.path, hidden_by_this_run ? hidden_by_this_run : there, parents);
    if (ending.how == Ending::How::removed) {
        item.file.local = Local::removed;
        return;
    }
    item.file.local = Local::being_written;
    if (ending.status) // whoever wrote to it may have ended unheard while it was hidden
        m_outbox->add(queue::upload_job(ending.path, ending.status->uid, ending.status->size_bytes,
                                        ending.status->mtime),
                      queue::Priority::normal, "written to while it was deleted: looked at once more");
}

/// What this run hid is gone: a store at work took it away, or, where it took it for what an earlier run
/// left, put it back.
void Deletion::hide_again(Item& item, const base::FileStatus& hidden) {
    item.file.local = Local::removed;
    const std::optional<base::FileStatus> there = m_files.look(item.file.path).status;
    if (!there || !there->is_same_file(hidden))
        return;
    if (there->is_same_version(hidden))
        hide(item);
    else
        item.file.local = Local::being_written;
}

/// The second look at all of a batch, one wait for all of them. What is gone is durably gone after it. A
/// store that puts a file back has looked at it before this run had the link's lock, so that this ends.
void Deletion::unlink_hidden(std::vector<Item>& items) {
    const auto is_hidden = [](const Item& item) { return item.hidden.has_value(); };
    do {
        if (std::any_of(items.begin(), items.end(), is_hidden))
            m_spool->clock().sleep_for(m_limits.second_look);
        items.erase(std::remove_if(items.begin(), items.end(),
                                   [&](Item& item) { return !attempt(item, [&] { settle_hidden(item); }); }),
                    items.end());
    } while (std::any_of(items.begin(), items.end(), is_hidden));
    m_outbox->commit();
    m_take_away.sync();
}

void Deletion::foresee(const std::string& path) {
    Item item;
    item.file.path = path;
    attempt(item, [&] {
        item.file.was_stored = m_catalog.read(path).has_value();
        if (m_take_away.leftover(path))
            item.file.local = Local::removed;
        const processor::FileSpace::Opened opened = m_files.open(path);
        if (opened.found.not_allowed)
            throw_not_allowed(path, opened.found.why_not);
        if (opened.found.status)
            item.file.local =
                m_files.rest_of(opened.fd.get(), *opened.found.status) == processor::Rest::being_written
                    ? Local::being_written
                    : Local::removed;
        if (item.file.was_stored || item.file.local != Local::none)
            m_listener.on_file(item.file);
    });
}

} // namespace nodespool::upkeep
