// The catalogue: all link files of a cluster, read freely, replaced only under lock and in durable groups.
#pragma once

#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "base/staged_file.hpp"
#include "base/staging_directory.hpp"
#include "base/timestamp.hpp"
#include "catalog/deleted.hpp"
#include "catalog/link.hpp"

#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nodespool::catalog {

/// ROOT/.links. Reading needs no lock: a link file is replaced whole and atomically. Thread-safe.
class Catalog {
  public:
    /// Makes `.links/`, `.links/.tmp/` and `.links/.lock/` where they are missing.
    /// @throws base::Error cannot_create
    explicit Catalog(const std::string& cluster_root);
    /// For reading only: makes nothing. A missing catalogue is an empty one.
    static Catalog open_existing(const std::string& cluster_root);

    /// The link of @p path; nullopt where there is none. @throws base::Error bad_input where it cannot be
    /// understood
    [[nodiscard]] std::optional<Link> read(const std::string& path) const;

    /// Why no link file can be made for @p path: one of its parents is a file in the catalogue, or it is
    /// itself a directory there. Empty where nothing is in the way.
    [[nodiscard]] std::string obstacle(const std::string& path) const;

    /// Removes temporaries of processes that died while they wrote.
    void clear_abandoned() const;

    [[nodiscard]] const std::string& path() const { return m_path; }
    /// Of `.links/`; -1 where it is missing.
    [[nodiscard]] int dir_fd() const { return m_dir.get(); }
    /// `.links/`, and the directory of its locks.
    [[nodiscard]] std::vector<base::HeldDirectory> held_directories() const;
    /// @throws base::Error io where one of them was replaced: what is read and written here is not what
    /// others see
    void ensure_in_place() const;

  private:
    friend class LinkBatch;
    struct ReadOnly {};
    Catalog(ReadOnly tag, const std::string& cluster_root);
    [[nodiscard]] std::string link_path(const std::string& path) const { return m_path + "/" + path; }

    /// A directory as it was when this process had synced its entry in its parent, and so on up to the top.
    /// One of the same name that was made since, after delete removed the first, is another one.
    struct DurableDirectory {
        ino_t inode = 0;
        base::Timestamp btime;
        bool operator==(const DurableDirectory&) const = default;
    };
    /// Where this process writes its link files before they get their names; made when first needed.
    [[nodiscard]] int staging_fd() const;
    [[nodiscard]] bool is_durable(const std::string& directory, const DurableDirectory& as_it_is) const;
    void note_durable(const std::map<std::string, DurableDirectory>& directories) const;

    std::string m_path;
    base::Fd m_dir;
    base::Fd m_temporaries; ///< of all processes
    base::Fd m_locks;
    mutable std::mutex m_mutex;
    mutable std::unique_ptr<base::StagingDirectory> m_staging;
    mutable std::map<std::string, DurableDirectory> m_durable; ///< by path below `.links/`
};

/// Several links under lock at once, so that their replacements become durable together. The locks (256
/// files, by hash of the path) are taken in the order of their numbers, so that no two batches wait for each
/// other, and held until the batch ends.
class LinkBatch {
  public:
    /// Takes the locks of all @p paths; waits for each.
    LinkBatch(const Catalog& catalog, const std::vector<std::string>& paths);

    /// As it stands now, under the lock: nobody changes it until the batch ends.
    [[nodiscard]] std::optional<Link> read(const std::string& path) const { return m_catalog->read(path); }

    /// Stages a replacement; nothing is seen of it before commit(). @throws base::SystemError ENOTDIR, EISDIR
    /// where Catalog::obstacle() holds by now
    void replace(const Link& link);
    /// The link is as wanted already, but may have been renamed into place by a process that died before it
    /// was durable: commit() syncs its directory too.
    void rely_on(const std::string& path);
    /// Stages the move of the link file, as it stands, into @p deleted, which must live until commit(). The
    /// link must be there.
    void move_to_deleted(const std::string& path, const Deleted& deleted);

    /// All staged links and moves are durable after this, in the directory that is `.links/` by name: else it
    /// throws. When it throws, each link is either the old or the new one, and each that was to be moved is
    /// in the catalogue or among the deleted: never in both, never in neither.
    void commit();

  private:
    void make_directory_of(const std::string& path) const;
    void put_in_place(const std::string& path, base::StagedFile& staged) const;
    void move(const std::string& path, const Deleted& deleted) const;
    void sync(const std::string& directory) const;
    void sync_what_is_left_of(std::string directory) const;
    void sync_directories();

    const Catalog* m_catalog;
    std::vector<base::Fd> m_locks;
    std::map<std::string, base::StagedFile> m_staged; ///< by cluster path
    std::map<std::string, const Deleted*> m_moves;    ///< by cluster path
    std::set<std::string> m_directories; ///< of new entries, to sync: relative to `.links/`, "" is itself
};

} // namespace nodespool::catalog
