// Moves what moves, and waits for both connections where nothing does.
#include "node/ftp_transfer.hpp"

#include <algorithm>
#include <array>

namespace nodespool::node {

namespace {

using State = base::IoResult::State;

constexpr std::size_t k_block_bytes = 256UL * 1024;

// A server that refuses a file closes the port for its data, and may do so before the connection is made.
// Then it says why at once; one that only lost the connection waits for it.
constexpr std::chrono::seconds k_explanation_limit{2};

/// Is it connected? To send nothing tells, and leaves it alone.
bool stands(Stream& data) {
    return data.socket().send({}).state == State::moved;
}

/// Waits until one of both connections is ready; true: the control connection. What came over that one before
/// has been taken.
bool wait_for_either(FtpControl& control, Stream& stream, base::Awaited data, const Patience& patience,
                     base::MonotonicTime deadline) {
    if (control.has_received())
        return true;
    std::array<base::Awaited, 2> both{data, control.stream().awaited_to_receive()};
    if (!patience.wait(both, deadline)) {
        if (!stands(stream))
            throw FtpLost{FtpLost::Why::no_data, "no data connection in time"};
        throw FtpLost{FtpLost::Why::stalled,
                      "nothing moved for " + std::to_string(patience.stall().count()) + " s"};
    }
    return both[1].is_ready;
}

/// Why there is no data connection, in the server's words; nullopt: it does not say.
std::optional<FtpReply> explanation(FtpControl& control, const Patience& patience,
                                    base::MonotonicTime connects_at_latest) {
    const base::MonotonicTime limit = std::min(Patience::now() + k_explanation_limit, connects_at_latest);
    for (;;) {
        while (std::optional<FtpReply> reply = control.reply_if_there())
            if (!reply->is_preliminary())
                return reply;
        base::Awaited answer = control.stream().awaited_to_receive();
        if (!patience.wait({&answer, 1}, limit))
            return std::nullopt;
    }
}

} // namespace

std::span<char> FtpBuffer::space() {
    if (!m_bytes)
        m_bytes = std::make_unique_for_overwrite<char[]>(k_block_bytes);
    return {m_bytes.get(), k_block_bytes};
}

FtpUpload::FtpUpload(SizedSource& source, FtpBuffer& buffer) : m_source(source), m_space(buffer.space()) {}

void FtpUpload::read_first() {
    m_awaits_consent = m_source.size_bytes() > m_space.size();
    if (!m_awaits_consent)
        read_next();
}

void FtpUpload::read_next() {
    m_rest = m_source.next(m_space);
    m_at_end = m_rest.empty();
}

bool FtpUpload::send_what_goes() {
    for (;;) {
        while (!m_rest.empty()) {
            const base::IoResult result = m_data->send(m_rest);
            if (result.state == State::blocked)
                return false;
            if (result.state != State::moved) {
                m_trouble = "the data connection broke: " + m_data->trouble(result);
                return true;
            }
            m_is_connected = true;
            m_rest = m_rest.subspan(result.bytes);
        }
        if (m_at_end)
            break;
        if (m_awaits_consent && !m_was_begun)
            return false;
        read_next();
    }
    if (m_data->is_secure()) {
        // The server may have sent something, tickets for one: to close now could destroy what it has not
        // read. It is closed after its last reply.
        const base::IoResult result = m_data->end_sending();
        if (result.state == State::blocked)
            return false;
        if (result.state != State::moved)
            m_trouble = "the data connection broke: " + m_data->trouble(result);
    } else if (!m_is_connected && m_source.size_bytes() == 0) {
        // An empty file: the end of a connection that does not stand yet would be none.
        const base::IoResult result = m_data->send({});
        if (result.state == State::blocked)
            return false;
        if (result.state != State::moved)
            m_trouble = "the data connection broke: " + m_data->trouble(result);
    }
    m_was_sent = m_trouble.empty();
    return true;
}

void FtpUpload::take(FtpReply reply) {
    if (!reply.is_preliminary()) {
        m_last = std::move(reply);
        return;
    }
    m_was_begun = true;
    if (m_awaits_consent && m_data)
        m_data->socket().send_in_step();
}

void FtpUpload::take_what_came(FtpControl& control) {
    m_has_looked = true;
    while (!m_last) {
        std::optional<FtpReply> reply = control.reply_if_there();
        if (!reply)
            break;
        take(std::move(*reply));
    }
}

void FtpUpload::wait(FtpControl& control, const Patience& patience, base::MonotonicTime connects_at_latest) {
    if (!m_has_looked) {
        take_what_came(control);
        return;
    }
    if (m_awaits_consent && !m_was_begun) {
        try {
            take(control.reply());
        } catch (FtpLost& lost) {
            if (lost.why == FtpLost::Why::stalled && !stands(*m_data))
                lost.why = FtpLost::Why::no_data;
            throw;
        }
        return;
    }
    const base::MonotonicTime stall = patience.stalls_at();
    const base::MonotonicTime deadline =
        m_is_connected || m_was_begun ? stall : std::min(stall, connects_at_latest);
    if (wait_for_either(control, *m_data, m_data->awaited_to_send(), patience, deadline))
        take_what_came(control);
}

void FtpUpload::send(std::unique_ptr<Stream> data, FtpControl& control, const Patience& patience,
                     base::MonotonicTime connects_at_latest) {
    m_data = std::move(data);
    while (!m_last && !send_what_goes())
        wait(control, patience, connects_at_latest);
    if (!m_last && !m_trouble.empty() && !m_is_connected) {
        m_last = explanation(control, patience, connects_at_latest);
        if (!m_last)
            throw FtpLost{FtpLost::Why::no_data, m_trouble};
    }
    m_was_connected = m_is_connected || stands(*m_data);
    if (!m_data->is_secure())
        m_data.reset(); // the server sees the end
}

FtpUploadEnd FtpUpload::finish(FtpControl& control) {
    while (!m_last)
        take(control.reply());
    m_data.reset();
    return {std::move(*m_last), m_was_sent, m_was_connected, m_trouble};
}

FtpDownloadEnd receive_data(FtpControl& control, std::unique_ptr<Stream> data, Sink& sink, FtpBuffer& buffer,
                            const Patience& patience, base::MonotonicTime connects_at_latest) {
    FtpDownloadEnd end;
    std::optional<FtpReply> last;
    bool has_begun = false;
    bool has_looked = false;
    const auto look = [&] {
        has_looked = true;
        while (std::optional<FtpReply> reply = last ? std::nullopt : control.reply_if_there()) {
            has_begun = true; // the server has read the command, and sends when it likes
            if (!reply->is_preliminary())
                last = std::move(reply);
        }
    };
    const std::span<char> space = buffer.space();
    while (!last || last->is_success()) { // after a refusal nothing comes
        const std::span<char> room = sink.room(space);
        const base::IoResult result = data->receive(room);
        if (result.state == State::moved) {
            has_begun = true;
            sink.write(room.first(result.bytes));
            continue;
        }
        end.is_whole = result.state == State::ended;
        if (result.state == State::failed)
            end.data_trouble = "the data connection broke: " + data->trouble(result);
        if (result.state != State::blocked)
            break;
        const base::MonotonicTime stall = patience.stalls_at();
        const base::MonotonicTime deadline = has_begun ? stall : std::min(stall, connects_at_latest);
        if (!has_looked || wait_for_either(control, *data, data->awaited_to_receive(), patience, deadline))
            look();
    }
    end.was_connected = end.is_whole || stands(*data);
    if (end.is_whole)
        static_cast<void>(data->end_sending());
    data.reset(); // servers wait for that before they say that it is done
    if (!last && !end.data_trouble.empty() && !has_begun) {
        last = explanation(control, patience, connects_at_latest);
        if (!last)
            throw FtpLost{FtpLost::Why::no_data, end.data_trouble};
    }
    end.reply = last ? std::move(*last) : control.final_reply();
    return end;
}

} // namespace nodespool::node
