// Keeps the window filled, by halves: fewer and larger packets than one by one.
#include "node/ftp_removals.hpp"

#include "node/remote_name.hpp"

#include <utility>

namespace nodespool::node {

namespace {

constexpr std::size_t k_window = 32;

} // namespace

FtpRemovals::FtpRemovals(FtpFiles& files, FtpConnection& connection)
    : m_files(files),
      m_connection(connection) {}

FtpAction FtpRemovals::action_of(const Removing& removing) const {
    return {m_files.node(), "remove", removing.request->name};
}

void FtpRemovals::end(const Removing& removing, Removal removal, std::exception_ptr error) {
    removing.request->removal = removal;
    removing.request->error = std::move(error);
    m_feed->ended(*removing.request);
}

void FtpRemovals::end_all(const std::exception_ptr& error) {
    for (auto* removals : {&m_sent, &m_waiting})
        for (; !removals->empty(); removals->pop_front())
            end(removals->front(), Removal::removed, error);
}

void FtpRemovals::fetch() {
    while (m_sent.size() + m_waiting.size() < k_window) {
        if (m_unused == nullptr)
            m_unused = m_feed->next();
        if (m_unused == nullptr || m_unused->kind != Request::Kind::remove)
            return;
        Request* request = std::exchange(m_unused, nullptr);
        Removing removing{request, m_files.path_of(request->name)};
        if (std::exception_ptr error =
                error_of([&] { refuse_bad_name(m_files.node(), "remove", request->name); }))
            end(removing, Removal::removed, std::move(error));
        else
            m_waiting.push_back(std::move(removing));
    }
}

Request* FtpRemovals::run(Request* first, Feed& feed) {
    m_feed = &feed;
    m_unused = first;
    for (;;) {
        fetch();
        if (m_waiting.empty() && m_sent.empty())
            return std::exchange(m_unused, nullptr);
        try {
            step();
        } catch (const FtpNoLogin& refused) {
            for (; !m_waiting.empty(); m_waiting.pop_front()) // nothing was sent
                end(m_waiting.front(), Removal::removed,
                    error_of([&] { action_of(m_waiting.front()).fail(refused.trouble); }));
        } catch (const FtpLost& lost) {
            on_lost(lost);
        } catch (...) { // Interrupted, or this machine's
            m_connection.drop();
            end_all(std::current_exception());
        }
        if (m_sent.empty())
            look_at_refused();
    }
}

void FtpRemovals::step() {
    m_connection.patience().ask();
    FtpControl& control = m_sent.empty() ? m_connection.ready() : m_connection.control();
    for (; !m_waiting.empty(); m_waiting.pop_front()) {
        control.queue("DELE " + m_waiting.front().path);
        m_sent.push_back(std::move(m_waiting.front()));
    }
    control.flush();
    // What is refused must not wait for ever: a long stream of it lets the window run empty.
    const std::size_t least = m_refused.size() < k_window ? k_window / 2 : 0;
    do {
        FtpReply reply = control.final_reply();
        Removing removing = std::move(m_sent.front());
        m_sent.pop_front();
        m_connection.note_use();
        take(std::move(removing), std::move(reply));
    } while (m_sent.size() > least || (m_unused != nullptr && !m_sent.empty()));
}

void FtpRemovals::take(Removing removing, FtpReply reply) {
    if (reply.is_refusal()) {
        removing.refusal = std::move(reply);
        m_refused.push_back(std::move(removing));
        return;
    }
    if (reply.is_success()) {
        end(removing, Removal::removed, nullptr);
        return;
    }
    const FtpTrouble trouble = m_connection.trouble_of_refusal(reply);
    end(removing, Removal::removed, error_of([&] { action_of(removing).fail(trouble); }));
}

void FtpRemovals::look_at_refused() {
    for (Removing& removing : std::exchange(m_refused, {})) {
        removing.refusal.text = m_connection.trouble_of_refusal(removing.refusal).text;
        end(removing, Removal::was_absent, error_of([&] {
                m_files.require_absence(removing.request->name, removing.refusal, action_of(removing));
            }));
    }
}

void FtpRemovals::on_lost(const FtpLost& lost) {
    const bool was_idle = m_connection.was_idle();
    const bool were_dropped = m_connection.may_have_dropped_commands(lost);
    m_connection.drop();
    if (m_sent.empty())
        return; // those that wait are sent over another
    // What did not answer may be what broke it. The others were only behind it.
    Removing& first = m_sent.front();
    const bool may_repeat = were_dropped || (lost.why == FtpLost::Why::closed && was_idle);
    if (!may_repeat || std::exchange(first.was_repeated, true)) {
        const FtpTrouble trouble = m_connection.trouble_of_loss(lost);
        end(first, Removal::removed, error_of([&] { action_of(first).fail(trouble); }));
        m_sent.pop_front();
    }
    for (; !m_sent.empty(); m_sent.pop_back())
        m_waiting.push_front(std::move(m_sent.back()));
}

} // namespace nodespool::node
