// A directory of this machine as a node: a second disk, a mounted share.
#pragma once

#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "node/session.hpp"

#include <set>
#include <vector>

namespace nodespool::base {
class RecordStack;
}

namespace nodespool::node {

class SizedSource;

/// Opens the root anew for each call, so that a disk that comes or goes is noticed at once; where that
/// happens during a put, it fails. No symbolic link below the root is ever followed.
class FileSession : public Session {
  public:
    /// @param root  absolute
    FileSession(std::string node, std::string root, Interrupt interrupt = {});

    /// Creates @p name exclusively: a name is used once, ever. On disk, with its directories, when it
    /// returns.
    void put(const std::string& name, Source& source) override;
    void get(const std::string& name, Sink& sink) override;
    Removal remove(const std::string& name) override;
    std::optional<std::uint64_t> size(const std::string& name) override;
    void list(const ListVisitor& visit, Times times) override;
    std::vector<std::string> features() override;

  private:
    struct Action;

    base::Fd open_root(const Action& action);
    /// nullopt: it is not there.
    std::optional<base::Fd> open_directory(const base::Fd& root, const std::string& path,
                                           const Action& action);
    /// The directory, made where it was missing, its own entry and those above it on disk.
    base::Fd durable_directory(const base::Fd& root, const std::string& path, const Action& action);
    /// Throws where the path of the root does not mean the directory any more that a put went to.
    void verify_root(const base::Fd& directory, const std::string& leaf, const Action& action);
    void copy(SizedSource& source, const base::Fd& file, const Action& action);
    void list_directory(const base::Fd& directory, const std::string& path, const ListVisitor& visit,
                        base::RecordStack& directories, const Action& action) const;
    /// @throws Interrupted
    void heed_interrupt() const;

    std::string m_node;
    std::string m_root;
    Interrupt m_interrupt;
    /// The root that m_durable speaks of: another disk may be mounted there later.
    base::FileStatus m_known_root;
    /// Directories below the root whose entries are known to be on disk.
    std::set<std::string> m_durable;
    std::vector<char> m_buffer;
};

} // namespace nodespool::node
