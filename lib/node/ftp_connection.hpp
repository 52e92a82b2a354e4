// The connection of one session to an FTP server, made when first needed and again where it was lost.
#pragma once

#include "node/config.hpp"
#include "node/ftp_control.hpp"
#include "node/ftp_errors.hpp"
#include "node/ftp_login.hpp"
#include "node/ftp_memory.hpp"
#include "node/ftp_transfer.hpp"
#include "node/patience.hpp"
#include "node/session.hpp"
#include "node/url.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::node {

/// What came of an exchange.
struct FtpResult {
    std::optional<FtpTrouble> trouble; ///< nullopt: it went through, whatever the commands' own replies are
    std::vector<FtpReply>
        replies; ///< to the commands that were given, in order; empty where there is trouble
};

/// Keeps the connection from one exchange to the next. Where the server closed it meanwhile, the exchange is
/// made again over a new one, once and silently. Paths are as the server reads them: relative to the login
/// directory, or absolute.
class FtpConnection {
  public:
    FtpConnection(const NodeConfig& config, const NodeUrl& url, Interrupt interrupt);
    FtpConnection(const FtpConnection&) = delete;
    FtpConnection& operator=(const FtpConnection&) = delete;
    ~FtpConnection();

    // --- whole exchanges
    /// Sends the commands, and takes the reply to each.
    FtpResult send(const std::vector<std::string>& commands);
    /// RETR, and @p then once it is through. What the sink throws comes out.
    FtpResult download(const std::string& path, Sink& sink, const std::string& then);
    /// CWD and then @p command, a listing of the directory; its only reply is the listing's last. The sink
    /// gets the list byte for byte as the server sends it. What the sink throws comes out.
    FtpResult list(const std::string& directory, const std::string& command, Sink& sink);

    // --- parts of exchanges, for streams of them. FtpLost comes out: then drop() it.
    /// Connected, logged in, in the login directory, and no reply is owed that was not asked for since.
    /// @throws FtpNoLogin
    FtpControl& ready();
    /// The connection that ready() gave.
    FtpControl& control() { return *m_control; }
    /// Is there one that can go on with a stream, without ready()?
    [[nodiscard]] bool can_go_on() const {
        return m_control && !m_is_away && !(m_tls && m_tls->has_outlived_session()) &&
               m_control->pace() == pace();
    }
    /// Has it served an exchange, so that the server may have closed it since?
    [[nodiscard]] bool was_idle() const { return m_was_idle; }
    /// An exchange went through.
    void note_use();
    void drop();
    /// After a loss, and before drop(): may the server have dropped commands because they came together? Then
    /// they go out one by one from now on.
    bool may_have_dropped_commands(const FtpLost& lost);

    /// Queues the question for a data port; open_data() takes the answer, and begins to connect to it.
    void ask_for_data_port();
    /// @throws FtpRefused
    std::unique_ptr<Stream> open_data();
    /// The data connection to what open_data() gave did not come about. true: the port was told by EPSV, and
    /// from now on PASV is asked for one.
    bool falls_back_to_pasv();
    /// What a data connection may wait for until it stands.
    [[nodiscard]] base::MonotonicTime data_connects_at_latest() const;

    FtpBuffer& buffer() { return m_buffer; }
    [[nodiscard]] const Patience& patience() const { return m_patience; }
    [[nodiscard]] FtpMemory& memory() const { return *m_memory; }
    [[nodiscard]] FtpTrouble trouble_of_loss(const FtpLost& lost) const;
    [[nodiscard]] FtpTrouble trouble_of_refusal(const FtpReply& reply) const;

  private:
    FtpResult attempt(const std::function<FtpResult()>& exchange);
    [[nodiscard]] FtpControl::Pace pace() const {
        return m_memory->takes_one_at_a_time() ? FtpControl::Pace::one_by_one : FtpControl::Pace::together;
    }
    bool turns_to_other_command();
    void log_in();
    void learn_home();
    void go_home();
    FtpReply receive_all(const std::string& command, Sink& sink);
    [[nodiscard]] std::string clean(std::string text) const;

    NodeConfig m_config;
    FtpAccount m_account;
    Patience m_patience;
    std::shared_ptr<FtpMemory> m_memory;
    std::unique_ptr<TlsContext> m_tls;
    std::unique_ptr<FtpControl> m_control;
    FtpBuffer m_buffer;
    bool m_was_idle = false;
    bool m_protects_data = false;
    bool m_asked_epsv = false;    ///< and not PASV
    bool m_has_epsv_port = false; ///< the last data connection
    bool m_moved_payload = false; ///< in the exchange that is under way
    bool m_is_away = false;       ///< in another directory than that of the login
    std::string m_home;           ///< the login directory as PWD tells it; empty: not asked yet
};

/// Thrown where the server refuses a part of an exchange and the connection goes on.
struct FtpRefused {
    FtpReply reply;
};

} // namespace nodespool::node
