// remove: copies that are no longer wanted leave their nodes.
#pragma once

#include "catalog/catalog.hpp"
#include "catalog/deleted.hpp"
#include "processor/cluster.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nodespool::processor {

/// Never changes a link file of the catalogue, and compares no size: a name on a node is used once, ever.
class RemoveWork final : public Work {
  public:
    RemoveWork(const Cluster& cluster, const queue::Spool& spool, const catalog::Catalog& catalog)
        : m_cluster(&cluster),
          m_spool(&spool),
          m_catalog(&catalog) {}

    [[nodiscard]] std::vector<queue::Keyword> keywords() const override { return {queue::Keyword::remove}; }
    [[nodiscard]] std::string_view verb() const override { return "remove"; }
    [[nodiscard]] std::string_view done_word() const override { return "removed"; }
    [[nodiscard]] Use use() const override { return Use::removals; }

    [[nodiscard]] std::vector<std::string> watched_directories() const override;
    [[nodiscard]] std::vector<base::HeldDirectory> held_directories() const override {
        return m_catalog->held_directories();
    }
    /// Works off `.deleted/`: a `remove` job for each copy, and once these are durable the link file goes.
    void prepare() override;
    void foretell(
        const std::function<void(const queue::JobRecord&, const std::string& origin)>& tell) const override;

    Assessment assess(Job& job) override;
    std::unique_ptr<Errand> begin(Job& job, const std::string& node) override;
    /// Nothing waits for a commit: a node that has acknowledged a removal has removed it.
    void commit(std::vector<Job*>& group) override;
    void release(std::vector<Job*>& group) override;
    void clean_up() override {}

  private:
    class Removing;
    void queue_removals(std::vector<catalog::Deleted::Claim>& claims, const catalog::Deleted& deleted);

    const Cluster* m_cluster;
    const queue::Spool* m_spool;
    const catalog::Catalog* m_catalog;
};

} // namespace nodespool::processor
