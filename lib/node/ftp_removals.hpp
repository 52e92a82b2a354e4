// A stream of removals over one connection.
#pragma once

#include "node/ftp_connection.hpp"
#include "node/ftp_files.hpp"
#include "node/session.hpp"

#include <deque>
#include <string>
#include <vector>

namespace nodespool::node {

/// Many DELE are on their way at once. What the server refuses is looked at afterwards, one after another.
/// Where the connection breaks, those without a reply go over a new one; the first of them once only. After
/// that FtpControl may send them one by one.
class FtpRemovals {
  public:
    FtpRemovals(FtpFiles& files, FtpConnection& connection);

    /// Works off @p first, a removal, and what @p feed gives after it, until that is none: returned, not
    /// begun. nullptr: the feed has no more.
    Request* run(Request* first, Feed& feed);

  private:
    struct Removing {
        Request* request;
        std::string path;
        bool was_repeated = false;
        FtpReply refusal{};
    };

    void fetch();
    void step();
    void take(Removing removing, FtpReply reply);
    void look_at_refused();
    void on_lost(const FtpLost& lost);
    void end(const Removing& removing, Removal removal, std::exception_ptr error);
    void end_all(const std::exception_ptr& error);
    [[nodiscard]] FtpAction action_of(const Removing& removing) const;

    FtpFiles& m_files;
    FtpConnection& m_connection;
    Feed* m_feed = nullptr;
    Request* m_unused = nullptr;    ///< from the feed, and no removal
    std::deque<Removing> m_waiting; ///< not sent yet
    std::deque<Removing> m_sent;
    std::vector<Removing> m_refused;
};

} // namespace nodespool::node
