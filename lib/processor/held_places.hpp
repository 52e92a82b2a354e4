// The directories of the cluster that a run holds open: are they still what their paths lead to?
#pragma once

#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "processor/cluster.hpp"
#include "processor/work.hpp"
#include "queue/spool.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace nodespool::processor {

/// An operator may restore the catalogue from a backup, or mount the file space, under a run that has the old
/// directory open: whatever it did from then on, nobody would see. Thread-safe.
class HeldPlaces {
  public:
    /// The root, the spool, `.state`, and what @p work holds.
    HeldPlaces(const Cluster& cluster, const queue::Spool& spool, const Work& work);

    /// Holds these, too. One that is not there is held from when it is.
    void add(const std::vector<std::string>& paths);
    /// @throws base::Error io, naming the first that was replaced or moved away
    void ensure_in_place();
    [[nodiscard]] std::vector<std::string> paths();

  private:
    struct Own {
        std::string path;
        base::Fd fd;
    };

    std::mutex m_mutex;
    std::vector<Own> m_own;
    std::vector<base::HeldDirectory> m_of_others;
};

} // namespace nodespool::processor
