// One step after the other, each leaving the connection in a known state; what is refused or breaks is sorted
// out in ftp_puts_recovery.cpp.
#include "node/ftp_puts.hpp"

#include "node/remote_name.hpp"

#include <algorithm>
#include <utility>

namespace nodespool::node {

namespace {

// Commands ahead save a round trip, which a larger file does not notice.
constexpr std::uint64_t k_longest_followed_bytes = 1UL << 20U;

// Commands ahead travel in one packet with STOR: a server that has read them with it, as pure-ftpd and
// proftpd do, does not take them for something that came during the upload.
constexpr std::size_t k_longest_ahead_bytes = 1000;

} // namespace

FtpPuts::FtpPuts(FtpFiles& files, FtpConnection& connection)
    : m_files(files),
      m_connection(connection),
      m_place(files, connection) {}

FtpPuts::~FtpPuts() {
    m_connection.memory().end_trial(this);
}

FtpAction FtpPuts::action_of(const Put& put) const {
    return {m_files.node(), "put", put.request->name};
}

void FtpPuts::end(Put& put, std::exception_ptr error) {
    put.request->error = std::move(error);
    m_feed->ended(*put.request);
}

void FtpPuts::end_first(std::exception_ptr error) {
    end(m_waiting.front(), std::move(error));
    m_waiting.pop_front();
}

void FtpPuts::end_one(std::exception_ptr error) {
    if (!m_acknowledged) {
        end_first(std::move(error));
        return;
    }
    end(*m_acknowledged, std::move(error));
    m_acknowledged.reset();
}

void FtpPuts::end_all(const std::exception_ptr& error) {
    while (m_acknowledged || !m_waiting.empty())
        end_one(error);
}

bool FtpPuts::accept(Request* request) {
    try {
        refuse_bad_name(m_files.node(), "put", request->name);
        m_waiting.emplace_back(*request, m_files.path_of(request->name));
        return true;
    } catch (...) {
        request->error = std::current_exception();
        m_feed->ended(*request);
        return false;
    }
}

bool FtpPuts::take_next() {
    while (m_waiting.empty()) {
        if (m_unused == nullptr)
            m_unused = m_feed->next();
        if (m_unused == nullptr || m_unused->kind != Request::Kind::put)
            return false;
        accept(std::exchange(m_unused, nullptr));
    }
    return true;
}

Request* FtpPuts::run(Request* first, Feed& feed) {
    m_feed = &feed;
    m_unused = first;
    while (take_next() || m_acknowledged) {
        try {
            step();
        } catch (const FtpNoLogin& refused) {
            if (m_unused != nullptr && m_unused->kind == Request::Kind::put)
                accept(std::exchange(m_unused, nullptr));
            while (m_acknowledged || !m_waiting.empty()) {
                const FtpAction action = action_of(m_acknowledged ? *m_acknowledged : m_waiting.front());
                end_one(error_of([&] { action.fail(refused.trouble); }));
            }
        } catch (const FtpLost& lost) {
            on_lost(lost);
        } catch (const Interrupted&) {
            break_off();
            end_all(std::current_exception());
        } catch (...) { // of a source, or this machine's
            break_off();
            end_one(std::current_exception());
        }
    }
    m_connection.memory().end_trial(this);
    return std::exchange(m_unused, nullptr);
}

void FtpPuts::step() {
    m_connection.patience().ask();
    const bool goes_on = m_asked_size || m_place.is_asked() || (m_acknowledged && m_connection.can_go_on());
    FtpControl& control = goes_on ? m_connection.control() : m_connection.ready();
    if (m_acknowledged && !m_asked_size) {
        control.queue("SIZE " + m_acknowledged->path);
        m_asked_size = true;
    }
    const bool waits_alone = m_acknowledged && m_acknowledged->goes_alone;
    if (!m_waiting.empty() && !m_place.is_asked() && !waits_alone)
        ask_for_place(m_waiting.front());
    control.flush();
    if (m_acknowledged)
        settle_acknowledged();
    if (!m_waiting.empty())
        upload(m_waiting.front());
}

void FtpPuts::ask_for_place(const Put& put) {
    m_place.ask(put.request->name, put.was_stored ? FtpPlace::Leftover::possible : FtpPlace::Leftover::none);
}

void FtpPuts::settle_acknowledged() {
    const FtpReply reply = m_connection.control().final_reply();
    m_asked_size = false;
    if (!reply.is_failure() && reply.code != 213)
        throw FtpLost{FtpLost::Why::garbled, "found '" + reply.text + "', expected a size"};
    if (!size_from(reply) && m_place.is_asked()) // other exchanges follow
        m_place.take_unused();
    Put put = std::move(*m_acknowledged);
    m_acknowledged.reset();
    m_connection.note_use();
    std::exception_ptr error =
        error_of([&] { m_files.verify(put.request->name, put.source.size_bytes(), reply, action_of(put)); });
    if (put.is_followed && error) {
        // Another size than was sent: the commands ahead cut it off.
        m_connection.memory().note_ahead_failed();
        break_off();
        put.goes_alone = true;
        m_waiting.push_front(std::move(put));
        return;
    }
    if (put.is_followed)
        m_connection.memory().note_ahead_went_well(this);
    end(put, std::move(error));
}

bool FtpPuts::follow_with_next(Put& put) {
    if (put.goes_alone || m_connection.control().pace() == FtpControl::Pace::one_by_one ||
        put.source.size_bytes() > k_longest_followed_bytes)
        return false;
    while (m_waiting.size() == 1) {
        if (m_unused == nullptr)
            m_unused = m_feed->next();
        if (m_unused == nullptr || m_unused->kind != Request::Kind::put)
            return false;
        accept(std::exchange(m_unused, nullptr));
    }
    const std::size_t commands_bytes = 2 * (put.path.size() + m_waiting[1].path.size());
    return commands_bytes <= k_longest_ahead_bytes && m_connection.memory().may_send_ahead(this);
}

bool FtpPuts::read_first(Put& put, FtpUpload& upload) {
    try {
        if (std::exchange(put.was_read, true))
            put.source.rewind();
        upload.read_first();
        return true;
    } catch (const Interrupted&) {
        throw;
    } catch (...) { // nothing was sent
        const std::exception_ptr error = std::current_exception();
        m_place.take_unused();
        end_first(error);
        return false;
    }
}

void FtpPuts::fetch_ahead() {
    const auto is_small = [](const Put& put) { return put.source.size_bytes() <= k_longest_followed_bytes; };
    if (m_unused == nullptr && std::ranges::all_of(m_waiting, is_small))
        m_unused = m_feed->next();
}

void FtpPuts::upload(Put& put) {
    if (!m_place.is_asked()) {
        static_cast<void>(m_connection.ready());
        ask_for_place(put);
        m_connection.control().flush();
    }
    FtpUpload upload(put.source, m_connection.buffer());
    if (!read_first(put, upload))
        return;
    std::unique_ptr<Stream> data;
    try {
        data = m_place.take();
    } catch (const FtpRefused& refused) {
        m_connection.note_use();
        const FtpTrouble trouble = m_connection.trouble_of_refusal(refused.reply);
        end_first(error_of([&] { action_of(put).fail(trouble); }));
        return;
    }

    FtpControl& control = m_connection.control();
    control.queue("STOR " + put.path);
    put.is_followed = follow_with_next(put);
    if (put.is_followed) {
        control.queue("SIZE " + put.path);
        m_asked_size = true;
        ask_for_place(m_waiting[1]);
    }
    m_sent_store = true;
    put.was_stored = true;
    FtpUploadEnd end;
    try {
        control.flush();
        upload.send(std::move(data), control, m_connection.patience(),
                    m_connection.data_connects_at_latest());
        fetch_ahead();
        end = upload.finish(control);
        if (end.reply.code == 213 || end.reply.code == 227 || end.reply.code == 229)
            throw FtpLost{FtpLost::Why::garbled,
                          "found '" + end.reply.text + "', expected the end of an upload"};
    } catch (const FtpLost&) {
        m_was_begun = upload.was_begun();
        throw;
    }
    m_sent_store = false;
    take_end(put, std::move(end));
}

void FtpPuts::take_end(Put& put, FtpUploadEnd end) {
    if (!end.reply.is_success() || !end.was_sent) {
        take_refusal(put, end);
        return;
    }
    note_parents(put);
    m_acknowledged.emplace(std::move(put));
    m_waiting.pop_front();
    if (m_waiting.empty())
        take_next(); // so that its port is asked for together with the size of this one
}

} // namespace nodespool::node
