// Address, connection, greeting, encryption, user, transfer type: in this order, within one limit.
#include "node/ftp_login.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

using State = base::IoResult::State;

bool has_control_character(const std::string& word) {
    return std::any_of(word.begin(), word.end(),
                       [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; });
}

} // namespace

FtpAccount::FtpAccount(const NodeConfig& config, const NodeUrl& url)
    : host(url.host),
      port(url.port),
      user(config.user.empty() ? url.user : config.user),
      password(config.password.empty() ? url.password : config.password) {
    if (user.empty()) {
        user = "anonymous";
        if (password.empty())
            password = "nodespool@";
    }
    if (has_control_character(user) || has_control_character(password))
        throw base::Error(base::ErrorClass::config,
                          "the user or password of node " + config.name + " holds a control character");
}

FtpLogin::FtpLogin(const NodeConfig& config, const FtpAccount& account, TlsContext* tls,
                   const Patience& patience)
    : m_config(config),
      m_account(account),
      m_tls(tls),
      m_patience(patience),
      m_limit(Patience::now() + config.connect_timeout) {}

std::unique_ptr<FtpControl> FtpLogin::run() {
    connect(look_up());
    m_control->limit_to(m_limit);
    if (m_config.tls == Tls::implicit)
        start_tls();
    greet();
    if (m_config.tls == Tls::required || m_config.tls == Tls::if_offered)
        ask_for_tls();
    authenticate();
    if (m_control->stream().is_secure())
        protect_data();
    const FtpReply type = ask("TYPE I");
    if (!type.is_success())
        refuse(Failure::node_down, type, "it takes no binary files: ");
    m_control->limit_to(std::nullopt);
    return std::move(m_control);
}

std::vector<base::NetAddress> FtpLogin::look_up() {
    base::HostLookup lookup(m_account.host, m_account.port);
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(m_limit - Patience::now());
        if (lookup.wait_for(std::clamp(left, std::chrono::milliseconds(0), base::Socket::k_patience)))
            break;
        m_patience.ask();
        if (Patience::now() >= m_limit)
            throw FtpLost{FtpLost::Why::late, "its address is not found in time"};
    }
    std::vector<base::NetAddress> addresses = lookup.addresses();
    if (addresses.empty())
        throw FtpLost{FtpLost::Why::closed, "its address is not found: " + lookup.trouble()};
    return addresses;
}

void FtpLogin::connect(const std::vector<base::NetAddress>& addresses) {
    std::string trouble;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        // An address that does not answer must not use up the time of those behind it.
        const auto left = m_limit - Patience::now();
        const auto share = left / static_cast<std::int64_t>(addresses.size() - i);
        trouble = try_address(addresses[i], Patience::now() + share);
        if (trouble.empty())
            return;
    }
    throw FtpLost{Patience::now() >= m_limit ? FtpLost::Why::late : FtpLost::Why::closed,
                  "no connection: " + trouble};
}

std::string FtpLogin::try_address(const base::NetAddress& address, base::MonotonicTime limit) {
    auto control = std::make_unique<FtpControl>(address, m_patience);
    base::Socket& socket = control->stream().socket();
    int error = socket.error();
    if (error == 0) {
        base::Awaited connected{socket.fd(), false, true, false};
        if (!m_patience.wait({&connected, 1}, limit))
            return "no answer in time";
        error = socket.error();
    }
    if (error != 0)
        return base::text_of_errno(error);
    socket.carry_messages();
    m_control = std::move(control);
    return {};
}

FtpReply FtpLogin::ask(const std::string& command) {
    m_control->queue(command);
    m_control->flush();
    return m_control->final_reply();
}

void FtpLogin::refuse(Failure failure, const FtpReply& reply, const std::string& what) {
    throw FtpNoLogin{{failure, reply.code, false, what + reply.text, Refusal::none}};
}

void FtpLogin::greet() {
    const FtpReply greeting = m_control->final_reply(); // 120: ready in some minutes
    // proftpd says 530 to one client too many, others 421, which ends up elsewhere.
    if (!greeting.is_success())
        throw FtpNoLogin{{Failure::node_down, greeting.code, false, greeting.text, Refusal::connection}};
}

void FtpLogin::ask_for_tls() {
    const FtpReply reply = ask("AUTH TLS");
    if (reply.is_success()) {
        // What came before the handshake could be from anybody.
        if (m_control->has_received())
            throw FtpLost{FtpLost::Why::garbled, "the server sent more than its consent to TLS"};
        start_tls();
    } else if (m_config.tls == Tls::required) {
        refuse(Failure::node_down, reply, "it does not encrypt, which this node's configuration asks for: ");
    }
}

void FtpLogin::start_tls() {
    m_tls->forget_session();
    m_control->stream().secure(m_tls->control_side(), TlsStream::Sending::at_once);
    shake_hands();
}

void FtpLogin::shake_hands() {
    Stream& stream = m_control->stream();
    for (;;) {
        const base::IoResult result = stream.shake_hands();
        if (result.state == State::moved)
            return;
        if (result.state != State::blocked)
            throw FtpLost{FtpLost::Why::closed, "no TLS: " + stream.trouble(result)};
        base::Awaited awaited = stream.awaited_to_receive();
        const base::MonotonicTime stall = m_patience.stalls_at();
        if (!m_patience.wait({&awaited, 1}, std::min(stall, m_limit)))
            throw FtpLost{Patience::now() >= m_limit ? FtpLost::Why::late : FtpLost::Why::stalled,
                          "no answer to the TLS handshake in time"};
    }
}

void FtpLogin::authenticate() {
    FtpReply reply = ask("USER " + m_account.user);
    if (reply.code == 331)
        reply = ask("PASS " + m_account.password);
    if (!reply.is_success())
        refuse(Failure::node_down, reply,
               reply.code == 332 ? "it wants an account besides user and password: " : "");
}

void FtpLogin::protect_data() {
    // RFC 4217 §9 wants both, although TLS needs no buffer size.
    const FtpReply size = ask("PBSZ 0");
    const FtpReply level = size.is_success() ? ask("PROT P") : size;
    m_protects_data = level.is_success();
    if (!m_protects_data && m_config.tls != Tls::if_offered)
        refuse(Failure::node_down, level, "it does not encrypt data: ");
}

} // namespace nodespool::node
