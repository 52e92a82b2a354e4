// Starting ssh, poll loop, time limits, and what is said when the connection breaks.
#include "node/sftp_connection.hpp"

#include "base/path_name.hpp"
#include "node/ssh_command.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint32_t k_our_version = 3;
/// What every server takes (§3 of the draft: packets of 34,000 bytes).
constexpr std::size_t k_safe_bytes = 32768;
/// More in one request gains nothing, and makes small files wait behind it.
constexpr std::size_t k_most_bytes = 128 * 1024;
constexpr std::string_view k_limits = "limits@openssh.com";
constexpr milliseconds k_interrupt_interval{1000};
/// How long ssh has to end by itself once the connection is gone.
constexpr milliseconds k_end_patience{500};

std::size_t bounded(std::uint64_t limit) {
    return limit == 0 ? k_safe_bytes : static_cast<std::size_t>(std::min<std::uint64_t>(limit, k_most_bytes));
}

} // namespace

SftpReply::Status SftpReply::status() {
    if (type != SftpType::status)
        throw BadPacket("found a reply of type " + std::to_string(static_cast<int>(type)) +
                        ", expected a status");
    const auto code = static_cast<SftpStatus>(fields.u32());
    // The words are optional in older drafts.
    return {code, fields.empty() ? std::string_view() : fields.string()};
}

bool SftpReply::is_or_status(SftpType expected) const {
    if (type != expected && type != SftpType::status)
        throw BadPacket("found a reply of type " + std::to_string(static_cast<int>(type)) + ", expected " +
                        std::to_string(static_cast<int>(expected)) + " or a status");
    return type == expected;
}

SftpConnection::SftpConnection(const NodeConfig& config, NodeUrl url, Interrupt interrupt)
    : m_config(config),
      m_url(std::move(url)),
      m_interrupt(std::move(interrupt)) {}

void SftpConnection::send_string(SftpType type, std::string_view field, Answer answer) {
    send(
        type, [field](SftpOutput& fields) { fields.string(field); }, std::move(answer));
}

void SftpConnection::reset() {
    m_ssh.reset();
    m_askpass.reset();
    m_answers.clear();
    m_output.clear();
    m_input.clear();
    m_logged_in = false;
}

void SftpConnection::connect() {
    heed_interrupt();
    while (m_ssh && m_ssh->wait(base::Await::bytes, milliseconds{0})) {
        if (read_some())
            dispatch(); // a reply that nobody waited for
        else
            reset(); // it was lost while nobody used it
    }
    if (!m_ssh) {
        try {
            start();
            log_in();
        } catch (...) { // half a login is none
            reset();
            throw;
        }
    }
    m_waited = {};
}

void SftpConnection::start() {
    if (!m_config.password.empty())
        m_askpass.emplace(m_config.password);
    m_ssh.emplace(ssh_arguments(m_config, m_url),
                  ssh_variables(m_askpass ? m_askpass->path() : std::string()));
    ++m_number;
    m_waited = {};
}

void SftpConnection::log_in() {
    m_output.begin(SftpType::init).u32(k_our_version).end();
    receive_version();
    m_askpass.reset();
    m_logged_in = true;
    ask_for_limits();
}

void SftpConnection::receive_version() {
    m_extensions.clear();
    std::optional<std::string_view> packet;
    try {
        while (!(packet = m_input.next())) {
            const std::optional<std::size_t> got = write_some() ? read_some() : std::nullopt;
            if (!got)
                fail_lost();
            if (*got == 0)
                static_cast<void>(wait());
        }
        SftpFields fields(packet->substr(1));
        if (static_cast<SftpType>(packet->front()) != SftpType::version)
            throw BadPacket("found something else than the version of an SFTP server (does a start-up file "
                            "of the login shell print something?)");
        m_version = fields.u32();
        while (!fields.empty()) {
            const std::string name(fields.string());
            m_extensions[name] = fields.string();
        }
    } catch (const BadPacket& bad) {
        fail_garbled(bad.what());
    }
    if (m_version < k_our_version)
        fail_garbled("found SFTP version " + std::to_string(m_version) + ", expected 3");
}

void SftpConnection::ask_for_limits() {
    m_write_bytes = m_read_bytes = k_safe_bytes;
    m_most_open = 0;
    if (!m_extensions.contains(std::string(k_limits)))
        return;
    send_string(SftpType::extended, k_limits, [this](SftpReply& reply) {
        if (!reply.is_or_status(SftpType::extended_reply))
            return;
        const std::uint64_t packet_bytes = reply.fields.u64();
        m_read_bytes = bounded(reply.fields.u64());
        m_write_bytes = bounded(reply.fields.u64());
        m_most_open = reply.fields.u64();
        if (packet_bytes != 0 && packet_bytes < k_safe_bytes)
            m_read_bytes = m_write_bytes = std::max<std::size_t>(packet_bytes / 2, 1024);
    });
}

bool SftpConnection::write_some() {
    while (!m_output.bytes().empty()) {
        const std::optional<std::size_t> count = m_ssh->write(m_output.bytes());
        if (!count)
            return false;
        if (*count == 0)
            break;
        m_output.written(*count);
        if (m_logged_in)
            m_waited = {};
    }
    return true;
}

std::optional<std::size_t> SftpConnection::read_some() {
    const std::optional<std::size_t> count = m_ssh->read(m_input.room());
    if (count && *count > 0) {
        m_input.filled(*count);
        if (m_logged_in)
            m_waited = {};
    }
    return count;
}

milliseconds SftpConnection::patience() const {
    return m_logged_in ? m_config.stall_timeout : m_config.connect_timeout;
}

void SftpConnection::heed_interrupt() {
    m_asked_interrupt = steady_clock::now();
    if (!m_interrupt || !m_interrupt())
        return;
    reset();
    throw Interrupted{};
}

bool SftpConnection::wait() {
    const auto start = steady_clock::now();
    const auto left = patience() - duration_cast<milliseconds>(m_waited);
    const base::Await what = m_output.bytes().empty() ? base::Await::bytes : base::Await::bytes_or_room;
    const bool has_bytes = m_ssh->wait(what, std::clamp(left, milliseconds{1}, k_interrupt_interval));
    const auto now = steady_clock::now();
    m_waited += now - start;
    if (now - m_asked_interrupt >= k_interrupt_interval)
        heed_interrupt();
    if (!has_bytes && m_waited >= patience())
        fail_slow();
    return has_bytes;
}

void SftpConnection::pump() {
    try {
        const bool takes_more = write_some();
        std::optional<std::size_t> got = 0;
        if (!takes_more || wait()) // what it said before it ended counts
            got = read_some();
        dispatch();
        if (!takes_more || !got)
            fail_lost();
    } catch (const base::Error&) { // this machine's own: no answer may be called once the caller has gone
        reset();
        throw;
    }
}

void SftpConnection::dispatch() {
    try {
        while (const std::optional<std::string_view> packet = m_input.next())
            answer(*packet);
    } catch (const BadPacket& bad) {
        fail_garbled(bad.what());
    }
}

void SftpConnection::answer(std::string_view packet) {
    SftpReply reply{static_cast<SftpType>(packet.front()), SftpFields(packet.substr(1))};
    const std::uint32_t id = reply.fields.u32();
    const auto owed = m_answers.extract(id);
    if (owed.empty())
        throw BadPacket("found a reply to a request that was not sent");
    owed.mapped()(reply);
}

void SftpConnection::fail_lost() {
    const bool was_logged_in = m_logged_in;
    const base::ChildEnd end = m_ssh->end(k_end_patience);
    const std::string complaint = m_ssh->complaint();
    std::string text = tellable(line_of_complaint(complaint));
    if (text.empty())
        text = "ssh ended with " + end.text();
    reset();
    if (was_logged_in)
        throw SftpTrouble{Failure::temporary, "the connection was lost: " + text};
    const LoginFailure meaning = failure_of_login(complaint);
    throw SftpTrouble{meaning.failure, "cannot log in: " + text, meaning.refusal};
}

void SftpConnection::fail_slow() {
    const bool was_logged_in = m_logged_in;
    const std::string seconds =
        std::to_string(duration_cast<std::chrono::seconds>(patience()).count()) + " s";
    reset();
    if (was_logged_in)
        throw SftpTrouble{Failure::temporary, "the server did not answer for " + seconds};
    throw SftpTrouble{Failure::node_down, "cannot log in: it took more than " + seconds};
}

void SftpConnection::fail_garbled(const std::string& what) {
    const Failure failure = m_logged_in ? Failure::temporary : Failure::node_down;
    reset();
    throw SftpTrouble{failure, "the server cannot be understood: " + what};
}

std::string SftpConnection::tellable(std::string_view text) const {
    std::string told = base::printable(text);
    if (m_config.password.empty())
        return told;
    const std::string hidden = base::printable(m_config.password);
    for (std::size_t at = 0; (at = told.find(hidden, at)) != std::string::npos; at += 3)
        told.replace(at, hidden.size(), "***");
    return told;
}

} // namespace nodespool::node
