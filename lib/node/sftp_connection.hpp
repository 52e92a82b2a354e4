// One connection to an SFTP server, by OpenSSH's client: requests, many under way at once, and their replies.
#pragma once

#include "base/askpass.hpp"
#include "base/child_stream.hpp"
#include "base/clock.hpp"
#include "node/config.hpp"
#include "node/session.hpp"
#include "node/sftp_packets.hpp"
#include "node/url.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace nodespool::node {

/// Why the connection, or one request on it, failed. Thrown inside lib/node only: whoever knows the file
/// makes a NodeError of it.
struct SftpTrouble {
    Failure failure = Failure::temporary;
    std::string text; ///< for the operator; never the password
    Refusal refusal = Refusal::none;
};

/// What the server answered to one request. Views into the packet: they end with the call that was given it.
struct SftpReply {
    SftpType type;
    SftpFields fields;

    /// Of a SftpType::status: `ok`, ...; with the server's words.
    struct Status {
        SftpStatus code;
        std::string_view words;
    };
    /// @throws BadPacket where it is of another type
    Status status();
    [[nodiscard]] bool is(SftpType expected) const { return type == expected; }
    /// @throws BadPacket where it is neither @p expected nor a status
    bool is_or_status(SftpType expected) const;
};

/// Connects when told to, keeps the connection, and says where it was lost. Whatever breaks it ends all
/// requests that are under way: their answers are never called.
class SftpConnection {
  public:
    /// Called once, from pump(). What it throws comes out of pump(), BadPacket as trouble.
    using Answer = std::function<void(SftpReply& reply)>;

    SftpConnection(const NodeConfig& config, NodeUrl url, Interrupt interrupt);

    /// Logs in, where no connection is open or the one that was open ended meanwhile.
    /// @throws SftpTrouble, Interrupted
    void connect();
    /// Ends the connection at once.
    void reset();
    /// Counts the connections: what was learned of one need not hold for the next.
    [[nodiscard]] unsigned number() const { return m_number; }

    /// Puts a request behind those that go out with the next pump(). @p fill adds its fields.
    template <typename Fill>
    void send(SftpType type, Fill&& fill, Answer answer) {
        m_output.begin(type).u32(++m_last_id);
        fill(m_output);
        m_output.end();
        m_answers.emplace(m_last_id, std::move(answer));
    }
    /// A request whose only field is a name or a handle.
    void send_string(SftpType type, std::string_view field, Answer answer);
    /// A write of the bytes that @p fill puts at the front of the span that it is given, and counts.
    /// @param on_reply  called with the reply and that count
    /// @return the count; where it is 0, nothing was sent
    template <typename Fill, typename OnReply>
    std::size_t send_write(std::string_view handle, std::uint64_t offset, Fill&& fill, OnReply on_reply) {
        m_output.begin(SftpType::write).u32(m_last_id + 1).string(handle).u64(offset);
        const std::size_t count = fill(m_output.room_for_string(m_write_bytes));
        if (count == 0) {
            m_output.cancel();
            return 0;
        }
        m_output.fit_string(count);
        m_output.end();
        m_answers.emplace(++m_last_id, [on_reply, count](SftpReply& reply) { on_reply(reply, count); });
        return count;
    }
    /// Writes, waits where nothing has come, and gives replies to their answers. Returns after a block of
    /// them, or as soon as there is room for more output.
    /// @throws SftpTrouble (the connection is no more), Interrupted (nor is it then)
    void pump();
    /// Writes as much as ssh takes now, without waiting. What became of the connection pump() says.
    void push() { static_cast<void>(write_some()); }
    /// Asks whether to break off. @throws Interrupted; the connection is no more then
    void heed_interrupt();
    /// Bytes that ssh has not taken yet.
    [[nodiscard]] std::size_t unwritten_bytes() const { return m_output.bytes().size(); }

    [[nodiscard]] const std::map<std::string, std::string>& extensions() const { return m_extensions; }
    [[nodiscard]] std::uint32_t version() const { return m_version; }
    /// Most bytes in one request to read. More, once the server has told its limits.
    [[nodiscard]] std::size_t read_bytes() const { return m_read_bytes; }
    /// Most files that the server has open at once; 0: it does not say, or has not said yet.
    [[nodiscard]] std::uint64_t most_open() const { return m_most_open; }

    /// @p text as one line that may be told: without the password.
    [[nodiscard]] std::string tellable(std::string_view text) const;

  private:
    void start();
    void log_in();
    /// Goes out with the first requests; until the answer is there, what every server takes is the limit.
    void ask_for_limits();
    void receive_version();
    /// false: ssh takes no more.
    bool write_some();
    /// 0: nothing is there yet. nullopt: nothing will come any more.
    std::optional<std::size_t> read_some();
    void dispatch();
    void answer(std::string_view packet);
    /// Until there is something to read (true) or to write (false), or it is time to look around (false).
    bool wait();
    [[nodiscard]] std::chrono::milliseconds patience() const;
    [[noreturn]] void fail_lost();
    [[noreturn]] void fail_slow();
    [[noreturn]] void fail_garbled(const std::string& what);

    NodeConfig m_config;
    NodeUrl m_url;
    Interrupt m_interrupt;
    std::optional<base::Askpass> m_askpass;
    std::optional<base::ChildStream> m_ssh;
    SftpOutput m_output;
    SftpInput m_input;
    std::unordered_map<std::uint32_t, Answer> m_answers;
    std::uint32_t m_last_id = 0;
    unsigned m_number = 0;
    bool m_logged_in = false;
    /// How long pump() has waited since the last byte came or went, or, before the login, in all. Time that
    /// sources and sinks take is not the server's.
    base::MonotonicTime::duration m_waited{};
    base::MonotonicTime m_asked_interrupt;

    std::uint32_t m_version = 0;
    std::map<std::string, std::string> m_extensions;
    std::size_t m_write_bytes = 0;
    std::size_t m_read_bytes = 0;
    std::uint64_t m_most_open = 0;
};

} // namespace nodespool::node
