// Exchanges, one at a time, and the connection under them.
#include "node/ftp_connection.hpp"

#include <algorithm>
#include <utility>

namespace nodespool::node {

namespace {

// Commands on their way at once. Their replies must fit into what the network holds for us.
constexpr std::size_t k_window = 32;

bool is_refusal_of_command(int reply) {
    return reply >= 500 && reply < 600;
}

} // namespace

FtpConnection::FtpConnection(const NodeConfig& config, const NodeUrl& url, Interrupt interrupt)
    : m_config(config),
      m_account(config, url),
      m_patience(std::move(interrupt), config.stall_timeout),
      m_memory(FtpMemory::of(config.name + ' ' + config.url)) {
    if (config.tls != Tls::no)
        m_tls = std::make_unique<TlsContext>(config, m_account.host);
}

FtpConnection::~FtpConnection() {
    if (!m_control)
        return;
    try { // a farewell, which nobody waits for
        m_control->queue("QUIT");
        m_control->flush();
        m_control->stream().end_sending();
    } catch (...) { // what the connection was for is done
        m_control.reset();
    }
}

std::string FtpConnection::clean(std::string text) const {
    return presentable(std::move(text), m_account.password);
}

FtpTrouble FtpConnection::trouble_of_loss(const FtpLost& lost) const {
    return {failure_of(lost, FtpPhase::logged_in), lost.reply, false, clean(lost.text), Refusal::none};
}

FtpTrouble FtpConnection::trouble_of_refusal(const FtpReply& reply) const {
    FtpTrouble trouble = trouble_of(reply);
    trouble.text = clean(std::move(trouble.text));
    return trouble;
}

void FtpConnection::drop() {
    m_control.reset();
    m_was_idle = false;
    m_is_away = false;
}

void FtpConnection::note_use() {
    m_was_idle = true;
    if (m_control && m_control->pace() == FtpControl::Pace::one_by_one)
        m_memory->note_use_of_one_at_a_time();
}

bool FtpConnection::may_have_dropped_commands(const FtpLost& lost) {
    const bool is_mute = lost.why == FtpLost::Why::stalled || lost.why == FtpLost::Why::closed;
    if (!is_mute || !m_control || !m_control->were_together())
        return false;
    m_memory->note_dropped_commands();
    return true;
}

void FtpConnection::log_in() {
    drop();
    FtpTrouble trouble;
    try {
        FtpLogin login(m_config, m_account, m_tls.get(), m_patience);
        m_control = login.run();
        m_protects_data = login.protects_data();
        return;
    } catch (const FtpLost& lost) {
        trouble = {failure_of(lost, FtpPhase::logging_in), lost.reply, false, lost.text, Refusal::none};
    } catch (const FtpNoLogin& refused) {
        trouble = refused.trouble;
    }
    if (trouble.reply == 421)
        trouble.refusal = Refusal::connection;
    trouble.text = clean("no login as " + m_account.user + " at " + m_account.host + ':' +
                         std::to_string(m_account.port) + ": " + trouble.text);
    throw FtpNoLogin{trouble};
}

FtpControl& FtpConnection::ready() {
    m_patience.ask();
    const bool is_fit = m_control && m_control->owed() == 0 && !m_control->has_gone_stale() &&
                        !(m_tls && m_tls->has_outlived_session()) && !(m_is_away && m_home.empty());
    if (!is_fit)
        log_in();
    m_control->set_pace(pace());
    if (m_is_away)
        go_home();
    return *m_control;
}

void FtpConnection::go_home() {
    m_control->queue("CWD " + m_home);
    m_control->flush();
    const FtpReply reply = m_control->final_reply();
    if (!reply.is_success())
        throw FtpLost{FtpLost::Why::garbled, "no way back to the login directory: " + reply.text};
    m_is_away = false;
}

FtpResult FtpConnection::attempt(const std::function<FtpResult()>& exchange) {
    for (bool is_repeated = false;;) {
        bool may_be_stale = false;
        m_moved_payload = false;
        try {
            may_be_stale = m_control && m_was_idle;
            static_cast<void>(ready());
            may_be_stale = m_was_idle;
            FtpResult result = exchange();
            note_use();
            return result;
        } catch (const FtpNoLogin& refused) {
            return {refused.trouble, {}};
        } catch (const FtpLost& lost) {
            const bool were_dropped = may_have_dropped_commands(lost);
            drop();
            if (lost.why == FtpLost::Why::no_data && !m_moved_payload && falls_back_to_pasv())
                continue;
            const bool may_repeat = were_dropped || (lost.why == FtpLost::Why::closed && may_be_stale);
            if (!may_repeat || m_moved_payload || std::exchange(is_repeated, true))
                return {trouble_of_loss(lost), {}};
        } catch (const FtpRefused& refused) {
            note_use();
            return {trouble_of_refusal(refused.reply), {}};
        } catch (...) { // of a sink, or Interrupted: replies may be owed
            drop();
            throw;
        }
    }
}

FtpResult FtpConnection::send(const std::vector<std::string>& commands) {
    return attempt([&] {
        FtpResult result;
        std::size_t sent = 0;
        while (result.replies.size() < commands.size()) {
            if (sent == result.replies.size()) {
                const std::size_t end = std::min(commands.size(), sent + k_window);
                for (; sent < end; ++sent)
                    m_control->queue(commands[sent]);
                m_control->flush();
            }
            FtpReply reply = m_control->final_reply();
            reply.text = clean(std::move(reply.text));
            result.replies.push_back(std::move(reply));
        }
        return result;
    });
}

void FtpConnection::ask_for_data_port() {
    m_asked_epsv = !m_memory->lacks_epsv();
    m_control->queue(m_asked_epsv ? "EPSV" : "PASV");
}

bool FtpConnection::turns_to_other_command() {
    if (!m_asked_epsv) {
        m_memory->note_lack_of_pasv();
        return true;
    }
    m_has_epsv_port = true;
    return falls_back_to_pasv();
}

bool FtpConnection::falls_back_to_pasv() {
    if (!m_has_epsv_port || m_memory->lacks_pasv())
        return false;
    m_memory->note_lack_of_epsv();
    return true;
}

std::unique_ptr<Stream> FtpConnection::open_data() {
    for (;;) {
        const FtpReply reply = m_control->final_reply();
        if (!is_refusal_of_command(reply.code) || !turns_to_other_command()) {
            const std::optional<std::uint16_t> port = port_from(reply);
            if (!port && reply.is_failure())
                throw FtpRefused{reply};
            if (!port)
                throw FtpLost{FtpLost::Why::garbled, "found '" + reply.text + "', expected a port for data"};
            m_has_epsv_port = m_asked_epsv;
            // Where PASV names another host, it is not believed: data goes where the commands go.
            auto data = std::make_unique<Stream>(m_control->server().with_port(*port));
            const int error = data->socket().error_at_once();
            if (error == 0) {
                if (m_protects_data)
                    data->secure(m_tls->data_side(), TlsStream::Sending::gathered);
                return data;
            }
            if (!falls_back_to_pasv())
                throw FtpRefused{
                    {k_no_data_connection, "425 no data connection: " + base::text_of_errno(error)}};
        }
        ask_for_data_port();
        m_control->flush();
    }
}

base::MonotonicTime FtpConnection::data_connects_at_latest() const {
    return Patience::now() + m_config.connect_timeout;
}

FtpReply FtpConnection::receive_all(const std::string& command, Sink& sink) {
    /// Notes that bytes came: then the exchange cannot be made again.
    class NotingSink : public Sink {
      public:
        NotingSink(Sink& sink, bool& moved) : m_sink(sink), m_moved(moved) {}
        void write(std::span<const char> bytes) override {
            m_moved = true;
            m_sink.write(bytes);
        }
        std::span<char> room(std::span<char> space) override { return m_sink.room(space); }

      private:
        Sink& m_sink;
        bool& m_moved;
    };
    NotingSink noting(sink, m_moved_payload);
    FtpDownloadEnd end;
    do {
        ask_for_data_port();
        m_control->flush();
        std::unique_ptr<Stream> data = open_data();
        m_control->queue(command);
        m_control->flush();
        end = receive_data(*m_control, std::move(data), noting, m_buffer, m_patience,
                           data_connects_at_latest());
    } while (end.reply.code == k_no_data_connection && !end.was_connected && falls_back_to_pasv());
    if (!end.reply.is_success()) {
        end.reply.text += end.data_trouble.empty() ? "" : " (" + end.data_trouble + ')';
        throw FtpRefused{end.reply};
    }
    if (!end.is_whole)
        throw FtpRefused{{426, end.data_trouble}};
    end.reply.text = clean(std::move(end.reply.text));
    return end.reply;
}

FtpResult FtpConnection::download(const std::string& path, Sink& sink, const std::string& then) {
    return attempt([&] {
        static_cast<void>(receive_all("RETR " + path, sink));
        m_control->queue(then);
        m_control->flush();
        return FtpResult{std::nullopt, {m_control->final_reply()}};
    });
}

FtpResult FtpConnection::list(const std::string& directory, const std::string& command, Sink& sink) {
    // The list is taken in the directory itself: CWD proves that it is there, while many servers answer a
    // listing of a missing directory with 226 and nothing.
    return attempt([&]() -> FtpResult {
        if (!directory.empty()) {
            if (m_home.empty())
                learn_home();
            m_control->queue("CWD " + directory);
            m_control->flush();
            const FtpReply entered = m_control->final_reply();
            if (!entered.is_success()) {
                FtpTrouble trouble = trouble_of_refusal(entered);
                trouble.refused_directory = entered.is_refusal();
                return {trouble, {}};
            }
            m_is_away = true;
        }
        return {std::nullopt, {receive_all(command, sink)}};
    });
}

void FtpConnection::learn_home() {
    m_control->queue("PWD");
    m_control->flush();
    m_home = directory_from(m_control->final_reply()).value_or("");
}

} // namespace nodespool::node
