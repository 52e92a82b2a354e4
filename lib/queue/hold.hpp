// queue hold, queue release: queue files out of circulation, and back.
#pragma once

#include "queue/spool.hpp"

#include <string>
#include <vector>

namespace nodespool::queue {

enum class Move {
    hold,   ///< from `.queue/` to `.queue/held/`
    release ///< back
};

enum class Moved {
    done,
    /// Also done. A processor was working on it: it lets go by itself, because the name no longer means its
    /// file; a job that was under way then ends, and runs again, to no effect, after the release.
    done_while_in_use,
    name_taken, ///< there is a file of that name already: it was not replaced, nothing was moved
    gone        ///< nobody has it under this name any more, or it is no regular file
};

/// Those of @p names that @p pattern means: the one that is called so, else all that match it as a glob.
std::vector<std::string> names_meant(const std::vector<std::string>& names, const std::string& pattern);

/// Moves files one by one, each at every moment under one of its two names. They are where they belong for
/// good after commit().
class FileMover {
  public:
    FileMover(const Spool& spool, Move move) : m_spool(&spool), m_move(move) {}

    /// Names of the files that can be moved.
    [[nodiscard]] std::vector<std::string> names() const;
    /// @p name  one of names()
    Moved move(const std::string& name);
    void commit();

  private:
    const Spool* m_spool;
    Move m_move;
    bool m_any_moved = false;
};

} // namespace nodespool::queue
