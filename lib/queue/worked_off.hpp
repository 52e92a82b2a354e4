// Queue files without a live line on their way out: set aside at once, taken away together after the second
// look.
#pragma once

#include "queue/claimed_file.hpp"

#include <memory>
#include <vector>

namespace nodespool::queue {

/// Collects them, so that the 100 ms between the two looks are waited for once for many files. Destroyed
/// before retire(), it still takes them away; what fails then is for the next run to settle.
class WorkedOff {
  public:
    explicit WorkedOff(const Spool& spool) : m_spool(&spool) {}
    WorkedOff(const WorkedOff&) = delete;
    WorkedOff& operator=(const WorkedOff&) = delete;
    ~WorkedOff();

    /// @p file was read to its end and no live line is left in it.
    void add(std::shared_ptr<ClaimedFile> file);
    /// The second look, at all of them.
    void retire();

  private:
    const Spool* m_spool;
    std::vector<std::shared_ptr<ClaimedFile>> m_files;
};

} // namespace nodespool::queue
