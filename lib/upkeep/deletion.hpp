// delete: cluster files leave the catalogue for `.deleted/`, and what of them is in the file space goes too.
#pragma once

#include "base/error.hpp"
#include "catalog/catalog.hpp"
#include "catalog/deleted.hpp"
#include "processor/cluster.hpp"
#include "processor/file_space.hpp"
#include "processor/take_away.hpp"
#include "queue/outbox.hpp"
#include "queue/spool.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nodespool::upkeep {

/// What became of one file, or in a dry run would.
struct DeletedFile {
    enum class Local {
        none,         ///< nothing of it was in the file space
        removed,      ///< it waited to be stored, or to be taken away, and is gone
        being_written ///< somebody writes to it: that upload stays
    };
    std::string path;        ///< of a file that a run of store hid and nobody knows: its hidden name
    bool was_stored = false; ///< its link file is in `.deleted/`
    Local local = Local::none;
};

struct DeletionListener {
    std::function<void(const DeletedFile&)> on_file; ///< once it is durable
    /// The file is left as it is, or without its part in the file space; the others go on.
    std::function<void(const std::string& path, const base::Error&)> on_failure;
};

enum class DeletionMode { real, dry_run };

struct DeletionLimits {
    std::size_t batch = 500;                    ///< files whose links are locked, and made durable, together
    std::chrono::milliseconds second_look{100}; ///< between hiding local files and unlinking them
};

/// One thread. A process that dies at any point has lost nothing that it was not told to delete, and the same
/// deletion run again completes it. Under the link's lock:
///
/// First what is in the file space is hidden, looked at again after a while, and unlinked, as when store
/// takes a file away: nothing that somebody still writes to is lost. Once that is durable, the link file
/// moves to
/// `.deleted/`.
///
/// In this order, because the link is what everybody finds the rest by: as long as it is there the file is
/// listed, a run that is told to delete it again finds it, and a scan knows whose the hidden file is. The
/// other way round, a crash in between would leave a file that looks like a new upload, and it would be
/// stored again. A store that is sending the file meanwhile waits for the lock at its commit, finds the file
/// gone, and takes its copy away.
class Deletion {
  public:
    Deletion(const processor::Cluster& cluster, DeletionMode mode, DeletionListener listener,
             DeletionLimits limits = {});
    Deletion(const Deletion&) = delete;
    Deletion& operator=(const Deletion&) = delete;
    ~Deletion() = default;

    /// What a path means; both may hold while an upload waits until a name is free.
    struct There {
        bool file = false; ///< stored, waiting, or hidden by a run of store
        bool directory = false;
    };
    [[nodiscard]] There look(const std::string& path) const;

    /// The file goes with the next full batch, or with finish(). One that is not there is passed over.
    void add(const std::string& path);
    /// Everything below @p directory ("": the whole cluster); its empty directories leave the catalogue,
    /// those of the file space are the uploaders' and stay. Memory does not grow with the files.
    void add_tree(const std::string& directory);
    /// Works off what was added.
    void finish();

  private:
    struct Item {
        DeletedFile file;
        std::optional<base::FileStatus> hidden; ///< the local file, hidden by this run
    };

    // deletion.cpp
    void work_off();
    bool attempt(Item& item, const std::function<void()>& step);
    void hide(Item& item);
    void settle_hidden(Item& item);
    void hide_again(Item& item, const base::FileStatus& hidden);
    void unlink_hidden(std::vector<Item>& items);
    void foresee(const std::string& path);

    // deletion_tree.cpp
    void walk_file_space(const std::string& directory);
    bool is_cluster_root(const base::FileStatus& status) const;
    void take_leftover(const std::string& hidden_path);

    DeletionListener m_listener;
    DeletionLimits m_limits;
    processor::FileSpace m_files;
    std::optional<base::FileStatus> m_root;
    catalog::Catalog m_catalog;
    std::optional<catalog::Deleted> m_deleted; ///< none: a dry run
    std::optional<queue::Spool> m_spool;       ///< the same
    processor::TakeAway m_take_away;
    std::optional<queue::Outbox> m_outbox; ///< the same; jobs of uploads that were put back
    std::set<std::string> m_paths;
};

} // namespace nodespool::upkeep
