// The control connection to an FTP server: commands out, replies in, in the same order.
#pragma once

#include "node/ftp_reply.hpp"
#include "node/patience.hpp"
#include "node/stream.hpp"

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::node {

/// Thrown where a connection is of no more use: no reply that may still come can be trusted to answer what it
/// should.
struct FtpLost {
    enum class Why {
        closed,  ///< by the server, which may have said 421, or by the network
        stalled, ///< no answer in time
        late,    ///< connecting and logging in took too long altogether
        no_data, ///< the server named a port for data, and no connection to it can be made
        garbled  ///< a reply that cannot be the one to the command
    };
    Why why = Why::closed;
    std::string text;
    int reply = 0; ///< code of the reply that says so, where one does
};

class FtpControl {
  public:
    /// Begins to connect; the server's greeting is the first reply.
    FtpControl(const base::NetAddress& to, const Patience& patience)
        : m_patience(patience),
          m_server(to),
          m_stream(to) {}

    Stream& stream() { return m_stream; }
    [[nodiscard]] const base::NetAddress& server() const { return m_server; }
    /// While connecting and logging in: replies come before @p limit, or FtpLost is thrown.
    void limit_to(std::optional<base::MonotonicTime> limit) { m_limit = limit; }

    /// How commands go out that were queued together: in one packet, or each after the reply to the last one.
    enum class Pace { together, one_by_one };
    /// Only while no reply is owed.
    void set_pace(Pace pace) { m_pace = pace; }
    [[nodiscard]] Pace pace() const { return m_pace; }
    /// Is a reply owed to commands of which several were on their way at once?
    [[nodiscard]] bool were_together() const { return m_were_together; }

    /// Nothing is sent before flush(), and one by one, before the reply to the last one was taken.
    /// @throws base::Error bug where the command holds a line end or a NUL
    void queue(std::string_view command);
    void flush();
    /// The next reply, a preliminary one too. Waits for it.
    FtpReply reply();
    /// The same without waiting: nullopt where it has not come yet.
    std::optional<FtpReply> reply_if_there();
    /// The last reply to a command, which has no preliminary one.
    FtpReply final_reply();

    /// How many final replies the server owes.
    [[nodiscard]] unsigned owed() const { return m_owed; }
    /// Did the server say something that nobody asked for, or close the connection? Not while it owes
    /// replies. Does not wait.
    bool has_gone_stale();
    /// Is there a part of a reply, although the socket does not tell? Only after reply_if_there() told of
    /// none.
    [[nodiscard]] bool has_received() const { return m_begin < m_end || m_stream.has_received(); }

  private:
    bool receive(bool patiently);
    std::optional<FtpReply> take_reply();
    void refuse_what_is_no_reply(std::string_view piece) const;
    void take_input_while_sending();
    void release_held();
    void send_held();
    /// Commands that went out, and were not answered.
    [[nodiscard]] std::size_t under_way() const { return m_owed - m_held.size(); }
    [[nodiscard]] base::MonotonicTime deadline() const;
    [[noreturn]] void give_up() const;
    [[noreturn]] void lose(const base::IoResult& result) const;

    const Patience& m_patience;
    base::NetAddress m_server;
    Stream m_stream;
    std::optional<base::MonotonicTime> m_limit;
    Pace m_pace = Pace::together;
    bool m_were_together = false;
    std::string m_output;
    std::deque<std::string> m_held; ///< until those before them are answered
    unsigned m_owed = 1;            ///< the greeting
    std::array<char, 4096> m_input{};
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::string m_open_line; ///< of a line that has not ended
    FtpReplyReader m_reader;
};

} // namespace nodespool::node
