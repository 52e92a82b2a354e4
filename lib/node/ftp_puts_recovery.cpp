// Uploads that a server refuses, and those on their way where the connection is lost: which of them are made
// again, and which fail.
#include "node/ftp_puts.hpp"

#include <utility>

namespace nodespool::node {

namespace {

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

} // namespace

void FtpPuts::break_off() {
    // Replies may be owed; and to close the data connection alone would end the file, as if it were whole.
    m_connection.drop();
    m_asked_size = m_sent_store = m_was_begun = false;
    m_place.forget();
}

void FtpPuts::note_parents(const Put& put) {
    for (const std::string& parent : FtpFiles::parents_of(put.request->name))
        m_connection.memory().note_directory(m_files.path_of(parent));
}

void FtpPuts::take_replies_ahead() {
    if (!m_asked_size)
        return;
    try {
        static_cast<void>(m_connection.control().final_reply());
        m_asked_size = false;
        m_place.take_unused();
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
    if (end.reply.code == k_no_data_connection && !end.was_connected && m_connection.falls_back_to_pasv()) {
        take_replies_ahead();
        m_connection.note_use();
        return;
    }
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
    // Commands ahead are another matter: what else they can be dropped for is the upload.
    const bool were_ahead = sent_store || (m_acknowledged && m_acknowledged->is_followed);
    const bool were_dropped = !were_ahead && m_connection.may_have_dropped_commands(lost);
    break_off();
    if (m_acknowledged) // and nothing of the next one was begun
        repeat_or_end(*m_acknowledged, lost, may_ask_size_again(*m_acknowledged, lost) || were_dropped);
    else if (!sent_store)
        repeat_or_end(m_waiting.front(), lost,
                      were_dropped || (lost.why == FtpLost::Why::closed && was_idle));
    else if (lost.why == FtpLost::Why::no_data && m_connection.falls_back_to_pasv())
        return; // it is still the first one waiting
    else
        repeat_or_end(m_waiting.front(), lost, may_store_again(m_waiting.front(), lost, was_begun));
}

bool FtpPuts::may_ask_size_again(const Put& put, const FtpLost& lost) {
    // The node has the file, and tells so over another connection.
    if (!put.is_followed)
        return lost.why == FtpLost::Why::closed;
    if (lost.why == FtpLost::Why::closed)
        m_connection.memory().note_ahead_is_doubtful();
    else
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
