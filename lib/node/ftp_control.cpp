// Sends, receives and cuts into lines. It tries first and waits only where nothing moved.
#include "node/ftp_control.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

using State = base::IoResult::State;

// No reply is that long; what a server sends beyond it is no FTP.
constexpr std::size_t k_longest_reply = 1UL << 20U;
// The longest that a line holds is the name of a directory, each byte twice.
constexpr std::size_t k_longest_line = 1UL << 14U;
constexpr std::size_t k_shown = 80;

std::string shown(std::string_view line) {
    return "'" + std::string(line.substr(0, std::min(k_shown, line.find_last_not_of("\r\n") + 1))) + "'";
}

} // namespace

void FtpControl::queue(std::string_view command) {
    // A name with a line end would be a second command.
    base::ensure(command.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
                 "an FTP command is one line");
    std::string line = std::string(command) + "\r\n";
    if (m_pace == Pace::one_by_one)
        m_held.push_back(std::move(line));
    else
        m_output += line;
    ++m_owed;
}

void FtpControl::release_held() {
    if (m_held.empty() || under_way() > 0)
        return;
    m_output += m_held.front();
    m_held.pop_front();
}

void FtpControl::send_held() {
    if (!m_held.empty() && under_way() == 0)
        flush();
}

base::MonotonicTime FtpControl::deadline() const {
    const base::MonotonicTime stall = m_patience.stalls_at();
    return m_limit ? std::min(stall, *m_limit) : stall;
}

void FtpControl::give_up() const {
    if (m_limit && Patience::now() >= *m_limit)
        throw FtpLost{FtpLost::Why::late, "no connection and login in time"};
    throw FtpLost{FtpLost::Why::stalled,
                  "no answer for " + std::to_string(m_patience.stall().count()) + " s"};
}

void FtpControl::lose(const base::IoResult& result) const {
    if (result.state == State::ended)
        throw FtpLost{FtpLost::Why::closed, "the server closed the connection"};
    throw FtpLost{FtpLost::Why::closed, "the connection broke: " + m_stream.trouble(result)};
}

void FtpControl::flush() {
    release_held();
    m_were_together = m_were_together || under_way() > 1;
    std::size_t sent = 0;
    while (sent < m_output.size()) {
        const base::IoResult result = m_stream.send({m_output.data() + sent, m_output.size() - sent});
        if (result.state == State::moved) {
            sent += result.bytes;
        } else if (result.state == State::blocked) {
            // The server may wait for its replies to be taken before it takes more.
            base::Awaited awaited = m_stream.awaited_to_send();
            awaited.to_receive = true;
            if (!m_patience.wait({&awaited, 1}, deadline()))
                give_up();
            take_input_while_sending();
        } else {
            m_output.clear();
            // It may have said why before it closed: 421.
            while (take_reply() || receive(false)) {
            }
            lose(result);
        }
    }
    m_output.clear();
}

void FtpControl::take_input_while_sending() {
    if (m_begin == m_end)
        receive(false);
}

bool FtpControl::receive(bool patiently) {
    if (m_begin < m_end)
        return false; // what is there is taken first
    const base::IoResult result = patiently ? m_stream.receive_patiently(m_input) : m_stream.receive(m_input);
    switch (result.state) {
    case State::moved:
        m_begin = 0;
        m_end = result.bytes;
        return true;
    case State::blocked:
        return false;
    case State::ended:
    case State::failed:
        lose(result);
    }
    return false;
}

/// As soon as it can be known, and not only where its line ends, which it may never.
void FtpControl::refuse_what_is_no_reply(std::string_view piece) const {
    constexpr std::size_t k_code_and_blank = 4;
    if (m_open_line.size() + piece.size() > k_longest_line)
        throw FtpLost{FtpLost::Why::garbled,
                      "the server sent a line without end: " + shown(m_open_line + std::string(piece))};
    if (m_reader.is_inside() || m_open_line.size() >= k_code_and_blank)
        return;
    const std::string start = m_open_line + std::string(piece.substr(0, k_shown));
    if (!can_begin_reply(start))
        throw FtpLost{FtpLost::Why::garbled, "found " + shown(start) + ", expected an FTP reply"};
}

std::optional<FtpReply> FtpControl::take_reply() {
    while (m_begin < m_end) {
        const std::string_view input(m_input.data() + m_begin, m_end - m_begin);
        const std::size_t newline = input.find('\n');
        const bool is_whole = newline != std::string_view::npos;
        const std::string_view piece = input.substr(0, is_whole ? newline + 1 : input.size());
        m_begin += piece.size();
        if (m_open_line.size() + m_reader.bytes() + piece.size() > k_longest_reply)
            throw FtpLost{FtpLost::Why::garbled, "the server sent a reply without end"};
        refuse_what_is_no_reply(piece);
        if (!is_whole) {
            m_open_line += piece;
            break;
        }
        std::optional<FtpReply> reply;
        if (m_open_line.empty()) {
            reply = m_reader.add_line(piece);
        } else {
            m_open_line += piece;
            reply = m_reader.add_line(m_open_line);
            m_open_line.clear();
        }
        if (!reply)
            continue;
        if (reply->code == 421) // the server closes the connection, whatever this answers
            throw FtpLost{FtpLost::Why::closed, reply->text, reply->code};
        if (m_owed == 0)
            throw FtpLost{FtpLost::Why::garbled,
                          "the server sent a reply that nobody asked for: " + reply->text};
        if (!reply->is_preliminary() && --m_owed == 0)
            m_were_together = false;
        return reply;
    }
    return std::nullopt;
}

FtpReply FtpControl::reply() {
    send_held();
    if (std::optional<FtpReply> reply = take_reply())
        return std::move(*reply);
    base::MonotonicTime limit = deadline();
    for (;;) {
        if (receive(true)) {
            if (std::optional<FtpReply> reply = take_reply())
                return std::move(*reply);
            if (m_open_line.empty()) // a line that has begun has no longer than a stall to end
                limit = deadline();
            continue;
        }
        m_patience.ask();
        if (Patience::now() >= limit)
            give_up();
    }
}

std::optional<FtpReply> FtpControl::reply_if_there() {
    send_held();
    std::optional<FtpReply> reply = take_reply();
    while (!reply && receive(false))
        reply = take_reply();
    return reply;
}

FtpReply FtpControl::final_reply() {
    FtpReply answer = reply();
    while (answer.is_preliminary())
        answer = reply();
    return answer;
}

bool FtpControl::has_gone_stale() {
    if (m_begin < m_end || !m_open_line.empty() || m_reader.is_inside())
        return true;
    try {
        return receive(false);
    } catch (const FtpLost&) {
        return true;
    }
}

} // namespace nodespool::node
