// store: uploads go to a node, are recorded in a link file, and leave the file space.
#pragma once

#include "catalog/catalog.hpp"
#include "processor/cluster.hpp"
#include "processor/file_space.hpp"
#include "processor/hidden_files.hpp"
#include "processor/leftover_copies.hpp"
#include "processor/rate_limit.hpp"
#include "processor/removals.hpp"
#include "processor/sending_log.hpp"
#include "processor/take_away.hpp"
#include "processor/upload_source.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::processor {

/// What store leaves for the commit.
struct StoreEffect final : Effect {
    enum class Kind {
        sent,     ///< a new copy is on a node, complete
        recorded, ///< the link file records this version, and the content was compared
        leftover  ///< a file that an earlier run hid and did not finish taking away
    };
    Kind kind = Kind::sent;
    base::FileStatus local;   ///< what was read
    bool remove_local = true; ///< leftover: it is what the link file records; else it goes back
    catalog::Copy copy;
    std::string checksum;
    SendingLog::Entry entry = 0;
    std::size_t recorded_copies = 0; ///< in the link file, as of the commit
};

class StoreWork final : public Work {
  public:
    /// @param stop  asked while bytes move: Stop::now breaks transfers off
    StoreWork(const Cluster& cluster, const queue::Spool& spool, const catalog::Catalog& catalog,
              std::optional<std::uint64_t> limit_bytes_per_second, std::function<base::Stop()> stop);

    [[nodiscard]] std::vector<queue::Keyword> keywords() const override {
        return {queue::Keyword::upload, queue::Keyword::store};
    }
    [[nodiscard]] std::string_view verb() const override { return "store"; }
    [[nodiscard]] std::string_view done_word() const override { return "stored"; }
    [[nodiscard]] Use use() const override { return Use::new_copies; }

    [[nodiscard]] std::vector<base::HeldDirectory> held_directories() const override;
    Assessment assess(Job& job) override;
    std::unique_ptr<Errand> begin(Job& job, const std::string& node) override;
    /// Compares what is already recorded, without a node.
    void act(Job& job, HeldNodes* nodes) override;
    void commit(std::vector<Job*>& group) override;
    void release(std::vector<Job*>& group) override;
    void clean_up() override;

  private:
    class Transfer;

    // store_work.cpp
    [[nodiscard]] Assessment assess_version(const Job& job, const base::FileStatus& status,
                                            const std::optional<catalog::Link>& link) const;
    [[nodiscard]] Assessment assess_missing(const Job& job, const FileSpace::Found& found) const;
    [[nodiscard]] std::optional<FileSpace::Opened> open_resting(Job& job) const;
    [[nodiscard]] Outcome later(const std::string& why) const;
    void verify_leftover(Job& job, const catalog::Link* link);
    void verify_recorded(Job& job, const catalog::Link& link);
    [[nodiscard]] bool has_content(int fd, std::uint64_t size_bytes, const std::string& path,
                                   const std::string& checksum);

    // store_commit.cpp
    void decide(catalog::LinkBatch& batch, Job& job, std::vector<WithGoneCopies>& replaced);
    void record_new_version(catalog::LinkBatch& batch, Job& job, const std::optional<catalog::Link>& link,
                            std::vector<WithGoneCopies>& replaced);
    void begin_release(Job& job, ParentDirectories& parents);
    void finish_release(Job& job, ParentDirectories& parents, queue::Outbox& outbox);

    const Cluster* m_cluster;
    const queue::Spool* m_spool;
    const catalog::Catalog* m_catalog;
    FileSpace m_files;
    RateLimit m_limit;
    std::function<base::Stop()> m_stop;
    SendingLog m_sending;
    TakeAway m_take_away;
    HiddenFiles m_hidden; ///< assess() alone, in the feeder's thread
};

} // namespace nodespool::processor
