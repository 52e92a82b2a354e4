// A stream of uploads over one connection.
#pragma once

#include "node/ftp_connection.hpp"
#include "node/ftp_files.hpp"
#include "node/ftp_place.hpp"
#include "node/ftp_transfer.hpp"
#include "node/session.hpp"
#include "node/sized_source.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace nodespool::node {

/// The order of commands, and what waits for what (RTT: a round trip):
///
///     SIZE of the last file, EPSV for this one      1 RTT
///     STOR, and the data connection's first packet  1 RTT
///     data, and its end, till 226                   1 RTT
///
/// Ahead, where the server can take it (FtpMemory::may_send_ahead()): SIZE of this file and EPSV for the next
/// follow STOR at once, which leaves 2 RTT. Replies come in order, so a SIZE that answers before the file is
/// acknowledged, or anything else out of order, ends the connection: no file is verified by the wrong reply.
/// What was on its way then goes over a new connection, and without commands ahead.
/// Where the server drops what comes together (FtpMemory::takes_one_at_a_time()), each command waits for the
/// reply to the last one: one RTT more, and one for each DELE and MKD.
class FtpPuts {
  public:
    FtpPuts(FtpFiles& files, FtpConnection& connection);
    FtpPuts(const FtpPuts&) = delete;
    FtpPuts& operator=(const FtpPuts&) = delete;
    ~FtpPuts();

    /// Works off @p first, a put, and what @p feed gives after it, until that is no put: returned, not begun.
    /// nullptr: the feed has no more. No put is under way then.
    Request* run(Request* first, Feed& feed);

  private:
    /// One file on its way.
    struct Put {
        Put(Request& wanted, std::string its_path)
            : request(&wanted),
              source(*wanted.source),
              path(std::move(its_path)) {}

        Request* request;
        SizedSource source;
        std::string path;
        bool was_read = false;      ///< so that it has to be rewound
        bool was_stored = false;    ///< by an attempt that came to nothing: what it left is deleted first
        bool was_repeated = false;  ///< once is enough
        bool has_parents = false;   ///< they were made after a refusal
        bool is_followed = false;   ///< by commands ahead
        bool goes_alone = false;    ///< without commands ahead, which may be what it failed for
        std::string refused_parent; ///< what the server said to the last MKD
    };

    bool take_next();
    bool accept(Request* request);
    void step();
    void ask_for_place(const Put& put);
    void settle_acknowledged();
    void upload(Put& put);
    /// While the server makes its port ready. false: the source failed, and the put has ended.
    bool read_first(Put& put, FtpUpload& upload);
    /// While the server stores what was sent: the feed opens the next file.
    void fetch_ahead();
    [[nodiscard]] bool follow_with_next(Put& put);
    void take_end(Put& put, FtpUploadEnd end);

    // --- ftp_puts_recovery.cpp
    void take_refusal(Put& put, const FtpUploadEnd& end);
    void take_replies_ahead();
    void note_parents(const Put& put);
    void break_off();
    void on_lost(const FtpLost& lost);
    bool may_ask_size_again(const Put& put, const FtpLost& lost);
    bool may_store_again(const Put& put, const FtpLost& lost, bool was_begun);
    void repeat_or_end(Put& put, const FtpLost& lost, bool may_repeat);

    void end(Put& put, std::exception_ptr error);
    void end_first(std::exception_ptr error);
    /// The one whose turn it is: the acknowledged one, where there is one.
    void end_one(std::exception_ptr error);
    void end_all(const std::exception_ptr& error);
    [[nodiscard]] FtpAction action_of(const Put& put) const;

    FtpFiles& m_files;
    FtpConnection& m_connection;
    FtpPlace m_place; ///< for the first one waiting
    Feed* m_feed = nullptr;
    Request* m_unused = nullptr;       ///< from the feed, and not taken yet
    std::deque<Put> m_waiting;         ///< the first one is next, or being sent
    std::optional<Put> m_acknowledged; ///< its size is still to be proved
    bool m_asked_size = false;         ///< of it
    bool m_sent_store = false;         ///< of the first one waiting
    bool m_was_begun = false;          ///< that, by the server's word
};

} // namespace nodespool::node
