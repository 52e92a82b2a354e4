// replicate: further copies of stored files, streamed from node to node.
#pragma once

#include "base/stop_signal.hpp"
#include "catalog/catalog.hpp"
#include "processor/cluster.hpp"
#include "processor/file_space.hpp"
#include "processor/node_marks.hpp"
#include "processor/rate_limit.hpp"
#include "processor/removals.hpp"
#include "processor/replicate_transfer.hpp"
#include "processor/sending_log.hpp"
#include "processor/work.hpp"
#include "queue/outbox.hpp"
#include "queue/spool.hpp"

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::processor {

class ReplicateWork final : public Work {
  public:
    /// @param stop  asked while bytes move: Stop::now breaks transfers off
    ReplicateWork(const Cluster& cluster, const queue::Spool& spool, const catalog::Catalog& catalog,
                  std::optional<std::uint64_t> limit_bytes_per_second, std::function<base::Stop()> stop);

    [[nodiscard]] std::vector<queue::Keyword> keywords() const override {
        return {queue::Keyword::replicate};
    }
    [[nodiscard]] std::string_view verb() const override { return "replicate"; }
    [[nodiscard]] std::string_view done_word() const override { return "replicated"; }
    [[nodiscard]] Use use() const override { return Use::new_copies; }

    [[nodiscard]] std::vector<base::HeldDirectory> held_directories() const override;
    Assessment assess(Job& job) override;
    void act(Job& job, HeldNodes* nodes) override;
    void commit(std::vector<Job*>& group) override;
    void release(std::vector<Job*>& group) override;
    void clean_up() override;

  private:
    [[nodiscard]] std::size_t counted_copies(const catalog::Link& link);
    [[nodiscard]] std::size_t missing_copies(const Job& job, const catalog::Link& link);
    [[nodiscard]] bool may_release_local_file(const catalog::Link& link) const;
    [[nodiscard]] std::optional<std::size_t> index_of(const std::string& node) const;
    void set_need(Job& job, const catalog::Link& link, std::size_t missing) const;

    [[nodiscard]] bool has_room_for(const Job& job) const;

    // replicate_commit.cpp
    void decide(catalog::LinkBatch& batch, Job& job, std::vector<WithGoneCopies>& with_gone);
    void record_copies(Job& job, catalog::Link& next);
    void queue_releases(const std::vector<Job*>& group);
    void settle(const ReplicateEffect& effect);

    const Cluster* m_cluster;
    const queue::Spool* m_spool;
    const catalog::Catalog* m_catalog;
    FileSpace m_files;
    RateLimit m_limit;
    std::function<base::Stop()> m_stop;
    SendingLog m_sending;
    std::mutex m_marks_mutex;
    NodeMarksFile m_marks;
};

} // namespace nodespool::processor
