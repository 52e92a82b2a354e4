// The half of repair that works on the link files that findings name.
#pragma once

#include "processor/file_space.hpp"
#include "upkeep/queued_stores.hpp"
#include "upkeep/repair_context.hpp"
#include "upkeep/replication.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::upkeep {

class FileRepair {
  public:
    explicit FileRepair(const RepairContext& context);

    /// Findings of one file; those of the next call may be of the same one.
    void add(const std::string& path, std::vector<Finding> findings);
    /// Works off what is left.
    void finish();

  private:
    struct File {
        std::string path;
        std::vector<Finding> findings;
        Judgements judgements;
        Decision decision;
    };

    void look_at(File& file);
    void ask(File& file, const catalog::Link& link, const catalog::Copy& copy, ReadBack read_back);
    std::optional<catalog::Link> read(File& file);
    void change_links(std::vector<std::string>& paths);
    void queue_follow_ups();
    bool queue_replication(const catalog::Link& link, unsigned copies, queue::JobRecord& job);
    bool queue_store(const catalog::Link& link, queue::JobRecord& job, Decision& decision);

    RepairContext m_context;
    processor::FileSpace m_files;
    std::optional<QueuedReplications> m_queued_replications; ///< as of the first need
    std::optional<QueuedStores> m_queued_stores;
    std::mutex m_mutex; ///< of judgements, while nodes are asked
    std::vector<File> m_batch;
};

} // namespace nodespool::upkeep
