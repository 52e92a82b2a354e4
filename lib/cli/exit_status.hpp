// Exit statuses (sysexits.h): the one place that decides them.
#pragma once

#include "base/error.hpp"

#include <bitset>

namespace nodespool::cli {

/// What a run met that its exit status has to tell. In order of precedence: where several hold, the first
/// decides.
enum class Condition {
    bug,           ///< 70
    config,        ///< 78
    permission,    ///< 77
    io,            ///< 74: reading, writing or locking failed on the cluster server
    cannot_create, ///< 73
    rejected,      ///< 65: lines were met that can never run
    resubmitted,   ///< 75: jobs that could not be done now wait in the queue, or a node did not answer
    usage          ///< 64
};

/// Gathers the conditions of one run.
class ExitStatus {
  public:
    void note(Condition condition);
    void note(base::ErrorClass error_class);
    /// 0 where nothing was noted.
    [[nodiscard]] int value() const;

  private:
    std::bitset<8> m_noted;
};

Condition condition_of(base::ErrorClass error_class);

} // namespace nodespool::cli
