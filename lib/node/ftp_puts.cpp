// One step after the other, each leaving the connection in a known state; what breaks is sorted out in
// on_lost().
#include "node/ftp_puts.hpp"

#include "node/remote_name.hpp"

#include <utility>

namespace nodespool::node {

namespace {

// Commands ahead save a round trip, which a larger file does not notice.
constexpr std::uint64_t k_longest_followed_bytes = 1UL << 20U;

// Commands ahead travel in one packet with STOR: a server that has read them with it, as pure-ftpd and
// proftpd do, does not take them for something that came during the upload.
constexpr std::size_t k_longest_ahead_bytes = 1000;

/// Do servers say this to a STOR into a directory that is missing? vsftpd and pure-ftpd 553, proftpd and
/// others 550.
bool may_mean_missing_directory(int reply) {
    return reply == 550 || reply == 553;
}

/// Can a server mean the commands ahead, not the file?
bool may_mean_commands_ahead(int reply) {
    switch (reply) {
    case 425: // no data connection
    case 426: // aborted
    case 450:
    case 451:
    case 500:
    case 501:
    case 503:
        return true;
    default:
        return false;
    }
}

template <typename Call>
std::exception_ptr error_of(Call&& call) {
    try {
        call();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

} // namespace

FtpPuts::FtpPuts(FtpFiles& files, FtpConnection& connection) : m_files(files), m_connection(connection) {}

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

void FtpPuts::break_off() {
    // Replies may be owed; and to close the data connection alone would end the file, as if it were whole.
    m_connection.drop();
    m_asked_size = m_asked_port = m_asked_deletion = m_sent_store = m_was_begun = false;
    m_making.clear();
}

void FtpPuts::step() {
    m_connection.patience().ask();
    const bool goes_on = m_asked_size || m_asked_port || (m_acknowledged && m_connection.can_go_on());
    FtpControl& control = goes_on ? m_connection.control() : m_connection.ready();
    if (m_acknowledged && !m_asked_size) {
        control.queue("SIZE " + m_acknowledged->path);
        m_asked_size = true;
    }
    if (!m_waiting.empty() && !m_asked_port)
        ask_for_place(m_waiting.front());
    control.flush();
    if (m_acknowledged)
        settle_acknowledged();
    if (!m_waiting.empty())
        upload(m_waiting.front());
}

void FtpPuts::ask_for_place(const Put& put) {
    FtpMemory& memory = m_connection.memory();
    m_asked_deletion = put.was_stored;
    if (m_asked_deletion)
        m_connection.control().queue("DELE " + put.path);
    for (const std::string& parent : FtpFiles::parents_of(put.request->name)) {
        std::string path = m_files.path_of(parent);
        if (!memory.should_make(path))
            continue;
        m_connection.control().queue("MKD " + path);
        m_making.push_back(std::move(path));
    }
    m_connection.ask_for_data_port();
    m_asked_port = true;
}

std::unique_ptr<Stream> FtpPuts::take_place(const Put& put) {
    FtpMemory& memory = m_connection.memory();
    if (std::exchange(m_asked_deletion, false)) // whether it was there or not
        static_cast<void>(m_connection.control().final_reply());
    for (const std::string& directory : std::exchange(m_making, {})) {
        const FtpReply made = m_connection.control().final_reply();
        if (!made.is_success() && directory == base::parent_of(put.path))
            memory.note_needless_making();
        memory.note_directory(directory);
    }
    m_asked_port = false;
    return m_connection.open_data();
}

void FtpPuts::take_unused_place(const Put& put) {
    try {
        static_cast<void>(take_place(put));
    } catch (const FtpRefused&) {
        m_asked_port = false; // it is asked for again
    }
}

void FtpPuts::settle_acknowledged() {
    const FtpReply reply = m_connection.control().final_reply();
    m_asked_size = false;
    if (!reply.is_failure() && reply.code != 213)
        throw FtpLost{FtpLost::Why::garbled, "found '" + reply.text + "', expected a size"};
    if (!size_from(reply) && m_asked_port) // other exchanges follow
        take_unused_place(m_waiting.front());
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
    if (put.goes_alone || put.source.size_bytes() > k_longest_followed_bytes)
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

void FtpPuts::upload(Put& put) {
    if (!m_asked_port) {
        static_cast<void>(m_connection.ready());
        ask_for_place(put);
        m_connection.control().flush();
    }
    std::unique_ptr<Stream> data;
    try {
        data = take_place(put);
    } catch (const FtpRefused& refused) {
        m_connection.note_use();
        const FtpTrouble trouble = m_connection.trouble_of_refusal(refused.reply);
        end_first(error_of([&] { action_of(put).fail(trouble); }));
        return;
    }
    FtpUpload upload(put.source, std::move(data), m_connection.buffer());
    try {
        if (std::exchange(put.was_read, true))
            put.source.rewind();
        upload.read_first();
    } catch (const Interrupted&) {
        throw;
    } catch (...) { // nothing was sent
        end_first(std::current_exception());
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
        end = upload.run(control, m_connection.patience(), m_connection.data_connects_at_latest());
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

void FtpPuts::note_parents(const Put& put) {
    for (const std::string& parent : FtpFiles::parents_of(put.request->name))
        m_connection.memory().note_directory(m_files.path_of(parent));
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

void FtpPuts::take_replies_ahead() {
    if (!m_asked_size)
        return;
    try {
        static_cast<void>(m_connection.control().final_reply());
        m_asked_size = false;
        take_unused_place(m_waiting.at(1));
    } catch (const FtpLost&) { // what the server said of the upload stands
        m_connection.memory().note_ahead_is_doubtful();
        break_off();
    }
}

void FtpPuts::take_refusal(Put& put, const FtpUploadEnd& end) {
    FtpTrouble trouble = m_connection.trouble_of_refusal(end.reply);
    if (end.reply.is_success()) // and yet the data broke off
        trouble = {Failure::temporary, 0, false,
                   end.data_trouble.empty() ? "the server ended it early: " + trouble.text : end.data_trouble,
                   Refusal::none};
    else if (!end.data_trouble.empty())
        trouble.text += " (" + end.data_trouble + ')';
    if (put.is_followed && may_mean_commands_ahead(end.reply.is_success() ? 426 : trouble.reply)) {
        m_connection.memory().note_ahead_failed();
        break_off();
        put.goes_alone = true;
        return;
    }
    take_replies_ahead();
    m_connection.note_use();
    const FtpAction action = action_of(put);
    try {
        if (may_mean_missing_directory(trouble.reply) && !put.has_parents) {
            put.has_parents = true;
            put.was_stored = false;
            m_connection.memory().note_missing_directory();
            put.refused_parent = m_files.make_parents(put.request->name, action);
            note_parents(put);
            return;
        }
        if (put.has_parents && trouble.reply >= 500) {
            m_files.require_root(action);
            trouble.text += put.refused_parent;
        }
        action.fail(trouble);
    } catch (const NodeError&) {
        end_first(std::current_exception());
    }
}

void FtpPuts::on_lost(const FtpLost& lost) {
    const bool was_idle = m_connection.was_idle();
    const bool sent_store = m_sent_store;
    const bool was_begun = m_was_begun;
    break_off();
    if (m_acknowledged) // and nothing of the next one was begun
        repeat_or_end(*m_acknowledged, lost, may_ask_size_again(*m_acknowledged, lost));
    else if (!sent_store)
        repeat_or_end(m_waiting.front(), lost, lost.why == FtpLost::Why::closed && was_idle);
    else
        repeat_or_end(m_waiting.front(), lost, may_store_again(m_waiting.front(), lost, was_begun));
}

bool FtpPuts::may_ask_size_again(const Put& put, const FtpLost& lost) {
    // The node has the file, and tells so over another connection.
    if (!put.is_followed)
        return lost.why == FtpLost::Why::closed;
    if (lost.why != FtpLost::Why::closed)
        m_connection.memory().note_ahead_failed();
    return true;
}

bool FtpPuts::may_store_again(const Put& put, const FtpLost& lost, bool was_begun) {
    FtpMemory& memory = m_connection.memory();
    if (put.is_followed && (memory.is_trying(this) || lost.why == FtpLost::Why::garbled)) {
        memory.note_ahead_failed();
        return true;
    }
    if (put.is_followed)
        memory.note_ahead_is_doubtful();
    return lost.why == FtpLost::Why::closed && !was_begun; // it was only on its way
}

void FtpPuts::repeat_or_end(Put& put, const FtpLost& lost, bool may_repeat) {
    put.goes_alone = true;
    if (may_repeat && !std::exchange(put.was_repeated, true))
        return;
    const FtpTrouble trouble = m_connection.trouble_of_loss(lost);
    end_one(error_of([&] { action_of(put).fail(trouble); }));
}

} // namespace nodespool::node
