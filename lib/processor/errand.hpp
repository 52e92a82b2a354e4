// A job of one node on its way: what a lane keeps of it between its request and the request's end.
#pragma once

#include "node/session.hpp"
#include "processor/job.hpp"

namespace nodespool::processor {

/// Thrown by an errand's source or by arrived(): the file is not what it was when the errand began.
struct FileChanged {};

/// Work::begin() makes it, with its request filled in. Then exactly one of these comes: arrived() without an
/// exception; or, once the session has nothing else under way, take_back(); or neither, where the run was
/// broken off or the cluster server itself failed (what may be on the node is settled at the end of the run
/// or by the next).
class Errand {
  public:
    Errand() = default;
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;
    virtual ~Errand() = default;

    node::Request request;

    /// The request went through: leaves job.effect for the commit, or no effect and job.outcome. Must not
    /// wait. @throws FileChanged, base::Error
    virtual void arrived(Job& job) = 0;
    /// Did the request get as far as the node? `connecting`: not over the connection that it had in the end.
    enum class Reach { node, connecting };
    /// The request failed, or its file changed: takes from the node what may have got there.
    /// @param session  nullptr: the node is not to be asked now
    /// @return false: the node was asked, and could not be
    virtual bool take_back(node::Session* session, Reach reach) = 0;
    /// How the job ends where its file changed.
    [[nodiscard]] virtual Outcome file_changed() const {
        return {Result::resubmitted, "the file changed while it was read"};
    }
};

} // namespace nodespool::processor
