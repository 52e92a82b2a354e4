// A small cluster in a directory of its own: a file space, two nodes that are directories, and what one asks
// of them.
#pragma once

#include "catalog/catalog.hpp"
#include "processor/cluster.hpp"
#include "processor/processor.hpp"
#include "queue/spool.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::test {

class World {
  public:
    World();

    /// Writes an upload as a client would; @p mtime sets its time afterwards.
    base::FileStatus upload(const std::string& path, const std::string& content,
                            std::optional<base::Timestamp> mtime = std::nullopt);
    /// The job line that a hook would write for the file as it stands.
    std::string upload_line(const std::string& path);
    /// A queue file in one piece.
    void queue(const std::string& name, const std::string& text);

    /// One run of store; @p options may be changed before.
    processor::Summary store(const std::function<void(processor::RunOptions&)>& change = {});

    /// One run of replicate, and of remove.
    processor::Summary replicate(const std::function<void(processor::RunOptions&)>& change = {});
    processor::Summary remove(const std::function<void(processor::RunOptions&)>& change = {});

    /// One more node that is a directory.
    void add_node(const std::string& name);
    /// Uploads a file and stores it; @return its link.
    catalog::Link put(const std::string& path, const std::string& content);
    /// The `replicate` line for the file as its link file records it, with @p rest behind.
    [[nodiscard]] std::string replicate_line(const std::string& path, const std::string& rest = "") const;
    /// Where a copy lies on this machine.
    [[nodiscard]] std::string copy_path(const catalog::Copy& copy) const;

    [[nodiscard]] std::optional<catalog::Link> link(const std::string& path) const;
    /// Names on a node, relative to its root, with their contents.
    [[nodiscard]] std::map<std::string, std::string> on_node(const std::string& node) const;
    /// Regular files in the file space, hidden ones too, relative to it.
    [[nodiscard]] std::vector<std::string> in_file_space() const;
    /// Live job lines in the queue (not rejected, not held).
    [[nodiscard]] std::vector<std::string> jobs() const;
    /// Everything in `.queue/rejected/`.
    [[nodiscard]] std::string rejected() const;
    /// Names of temporaries anywhere below the root.
    [[nodiscard]] std::vector<std::string> temporaries() const;
    /// The content that the link file's only copy has, checked against size and number; throws where
    /// something is amiss.
    [[nodiscard]] std::string stored(const std::string& path) const;
    /// Copies on nodes that neither a link file nor a `remove` job names.
    [[nodiscard]] std::vector<std::string> unrecorded() const;

    [[nodiscard]] const std::string& root() const { return m_dir.path(); }
    processor::Cluster cluster;

  private:
    processor::Summary run(processor::Work& work, const queue::Spool& spool, base::StopSignal& stop,
                           const std::function<void(processor::RunOptions&)>& change) const;

    TempDir m_dir;
};

} // namespace nodespool::test
