// Drives one libcurl handle. What is set for every exchange stands in begin().
#include "node/ftp_connection.hpp"

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "node/ftp_errors.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace nodespool::node {

namespace {

constexpr long k_buffer_bytes = 512L * 1024;
constexpr std::chrono::milliseconds k_longest_wait{1000};
constexpr std::chrono::milliseconds k_data_socket_wait{1};
constexpr std::chrono::milliseconds k_timer_slack{20};
constexpr int k_late_reply_tries = 20;
constexpr std::chrono::milliseconds k_late_reply_wait{10};

void initialise_libcurl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

/// Replaces every occurrence of the password: a server may send back what it was sent.
std::string without_password(std::string text, const std::string& password) {
    if (password.empty())
        return text;
    for (std::size_t at = text.find(password); at != std::string::npos; at = text.find(password, at + 3))
        text.replace(at, password.size(), "***");
    return text;
}

} // namespace

FtpConnection::FtpConnection(const NodeConfig& config, NodeUrl url, Interrupt interrupt)
    : m_config(config),
      m_url(std::move(url)),
      m_interrupt(std::move(interrupt)) {
    if (m_config.user.empty()) {
        m_config.user = m_url.user.empty() ? "anonymous" : m_url.user;
        m_config.password =
            m_url.user.empty() && m_config.password.empty() ? "nodespool@" : m_config.password;
    }
    if (m_config.password.empty())
        m_config.password = m_url.password;
    for (const std::string& word : {m_config.user, m_config.password})
        if (std::any_of(word.begin(), word.end(),
                        [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; }))
            throw base::Error(base::ErrorClass::config,
                              "the user or password of node " + m_config.name + " holds a control character");
    initialise_libcurl();
    m_multi = curl_multi_init();
    m_curl = curl_easy_init();
    if (m_multi == nullptr || m_curl == nullptr)
        throw base::Error(base::ErrorClass::io, "libcurl cannot start: no memory");
}

FtpConnection::~FtpConnection() {
    curl_easy_cleanup(m_curl);
    curl_multi_cleanup(m_multi); // closes the connection, by on_socket_closed()
}

std::string FtpConnection::url_of(const std::string& path) const {
    static constexpr std::string_view k_hex = "0123456789ABCDEF";
    const bool is_ipv6 = m_url.host.find(':') != std::string::npos;
    std::string url =
        "ftp://" + (is_ipv6 ? '[' + m_url.host + ']' : m_url.host) + ':' + std::to_string(m_url.port);
    url += '/';
    for (std::size_t at = 0; at < path.size(); ++at) {
        const auto byte = static_cast<unsigned char>(path[at]);
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-' ||
                           (byte == '/' && at > 0);
        if (plain)
            url += path[at];
        else
            (url += '%').append({k_hex[byte >> 4U], k_hex[byte & 15U]});
    }
    return url;
}

void FtpConnection::set_timeouts() {
    const long stall_s = static_cast<long>(m_config.stall_timeout.count());
    curl_easy_setopt(m_curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(m_config.connect_timeout.count()));
    curl_easy_setopt(m_curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, stall_s);
    curl_easy_setopt(m_curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(m_curl, CURLOPT_LOW_SPEED_TIME, stall_s);
    curl_easy_setopt(m_curl, CURLOPT_TCP_KEEPALIVE, 1L);
}

void FtpConnection::begin(const std::string& path) {
    curl_easy_reset(m_curl); // keeps the connection
    m_source = nullptr;
    m_sink = nullptr;
    m_raw_sink = nullptr;
    curl_easy_setopt(m_curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(m_curl, CURLOPT_ERRORBUFFER, m_curl_text);
    curl_easy_setopt(m_curl, CURLOPT_PROTOCOLS_STR, "ftp");
    curl_easy_setopt(m_curl, CURLOPT_PROXY, ""); // whatever ftp_proxy says
    curl_easy_setopt(m_curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(m_curl, CURLOPT_URL, url_of(path).c_str());
    curl_easy_setopt(m_curl, CURLOPT_USERNAME, m_config.user.c_str());
    curl_easy_setopt(m_curl, CURLOPT_PASSWORD, m_config.password.c_str());
    curl_easy_setopt(m_curl, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));
    curl_easy_setopt(m_curl, CURLOPT_FTP_USE_EPSV, 1L);
    curl_easy_setopt(m_curl, CURLOPT_BUFFERSIZE, k_buffer_bytes);
    curl_easy_setopt(m_curl, CURLOPT_UPLOAD_BUFFERSIZE, k_buffer_bytes);
    set_timeouts();
    curl_easy_setopt(m_curl, CURLOPT_HEADERFUNCTION, &FtpConnection::on_reply_line);
    curl_easy_setopt(m_curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(m_curl, CURLOPT_READFUNCTION, &FtpConnection::on_read);
    curl_easy_setopt(m_curl, CURLOPT_READDATA, this);
    curl_easy_setopt(m_curl, CURLOPT_WRITEFUNCTION, &FtpConnection::on_write);
    curl_easy_setopt(m_curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(m_curl, CURLOPT_SOCKOPTFUNCTION, &FtpConnection::on_socket_opened);
    curl_easy_setopt(m_curl, CURLOPT_SOCKOPTDATA, this);
    curl_easy_setopt(m_curl, CURLOPT_CLOSESOCKETFUNCTION, &FtpConnection::on_socket_closed);
    curl_easy_setopt(m_curl, CURLOPT_CLOSESOCKETDATA, this);
}

FtpResult FtpConnection::send(const std::vector<std::string>& commands) {
    begin("");
    curl_easy_setopt(m_curl, CURLOPT_NOBODY, 1L);
    return perform(commands);
}

FtpResult FtpConnection::upload(const std::string& path, SizedSource& source, const std::string& then) {
    begin(path);
    m_source = &source;
    curl_easy_setopt(m_curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(m_curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(source.size_bytes()));
    return perform({then});
}

FtpResult FtpConnection::download(const std::string& path, Sink& sink, const std::string& then) {
    begin(path);
    m_sink = &sink;
    curl_easy_setopt(m_curl, CURLOPT_IGNORE_CONTENT_LENGTH, 1L); // @p then asks for the size, once
    return perform({then});
}

FtpResult FtpConnection::list(const std::string& directory, const std::string& command, Sink& sink) {
    // The list is taken in the directory itself: CWD proves that it is there, while many servers answer a
    // listing of a missing directory with 226 and nothing.
    begin(directory.empty() || directory.ends_with('/') ? directory : directory + '/');
    m_raw_sink = &sink;
    // In lists libcurl makes every CR a newline, also those inside names. What it tells a debugger is what
    // the server sent.
    curl_easy_setopt(m_curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(m_curl, CURLOPT_DEBUGFUNCTION, &FtpConnection::on_raw_bytes);
    curl_easy_setopt(m_curl, CURLOPT_DEBUGDATA, this);
    curl_easy_setopt(m_curl, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_SINGLECWD));
    curl_easy_setopt(m_curl, CURLOPT_CUSTOMREQUEST, command.c_str());
    FtpResult result = perform({});
    if (!result.trouble)
        result.replies = m_replies.last(1);
    // libcurl goes back to the login directory by the name that PWD gave; without one, only a new login does.
    const char* entry_path = nullptr;
    curl_easy_getinfo(m_curl, CURLINFO_FTP_ENTRY_PATH, &entry_path);
    if (entry_path == nullptr)
        forget_connection();
    return result;
}

FtpResult FtpConnection::perform(const std::vector<std::string>& commands) {
    List list;
    for (const std::string& command : commands) {
        // The star: a refusal is an answer too, and does not end the exchange.
        curl_slist* longer = curl_slist_append(list.get(), ('*' + command).c_str());
        if (longer == nullptr)
            throw base::Error(base::ErrorClass::io, "no memory for an FTP command");
        static_cast<void>(list.release());
        list.reset(longer);
    }
    if (list)
        curl_easy_setopt(m_curl, CURLOPT_POSTQUOTE, list.get());

    CURLcode code = perform_once();
    const bool was_idle_too_long = code != CURLE_OK && !m_is_new_connection && !m_moved_payload &&
                                   is_broken_connection(code, m_replies.last_code());
    if (was_idle_too_long)
        code = perform_once();
    if (code != CURLE_OK)
        return {trouble_of(code), {}};
    return {std::nullopt, m_replies.last(commands.size())};
}

CURLcode FtpConnection::perform_once() {
    m_replies.clear();
    m_thrown = nullptr;
    m_moved_payload = false;
    m_is_new_connection = m_control_sockets.empty();
    m_had_late_reply = false;
    m_awaits_data_socket = false;
    m_curl_text[0] = '\0';
    const base::MonotonicTime start = base::system_clock().monotonic();
    const CURLcode code = drive();
    m_elapsed = base::system_clock().monotonic() - start;
    if (m_thrown || (code != CURLE_OK && !is_refusal_in_step(code)))
        forget_connection();
    if (m_thrown)
        std::rethrow_exception(m_thrown);
    return m_had_late_reply ? CURLE_UPLOAD_FAILED : code;
}

void FtpConnection::forget_connection() {
    // libcurl may keep a connection whose server owes a reply, as after a time-out: that reply would then
    // answer the next command, and a file could be verified by the size of another.
    curl_multi_cleanup(m_multi);
    m_multi = curl_multi_init();
    if (m_multi == nullptr)
        throw base::Error(base::ErrorClass::io, "libcurl cannot start: no memory");
}

CURLcode FtpConnection::drive() {
    // curl_easy_perform() is this loop with k_longest_wait throughout. But where the reply to EPSV is there
    // at once, as on a fast network, libcurl 7.88 sits down to wait before it has opened the data connection:
    // for a whole second, for each file.
    if (curl_multi_add_handle(m_multi, m_curl) != CURLM_OK)
        return CURLE_FAILED_INIT;
    int running = 1;
    CURLMcode state = CURLM_OK;
    auto data_wait = std::chrono::milliseconds(0);
    while (state == CURLM_OK && running > 0) {
        state = curl_multi_perform(m_multi, &running);
        if (state != CURLM_OK || running == 0)
            break;
        const auto wait =
            m_awaits_data_socket ? std::exchange(data_wait, k_data_socket_wait) : k_longest_wait;
        state = curl_multi_poll(m_multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
        if (m_interrupt && m_interrupt()) {
            m_thrown = std::make_exception_ptr(Interrupted{});
            break;
        }
    }
    CURLcode code = CURLE_FAILED_INIT;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(m_multi, &left))
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    curl_multi_remove_handle(m_multi, m_curl);
    return code;
}

FtpTrouble FtpConnection::trouble_of(CURLcode code) const {
    FtpPhase phase = FtpPhase::logged_in;
    if (m_is_new_connection && !m_replies.shows_login()) {
        const bool is_late = m_elapsed + k_timer_slack >= m_config.connect_timeout;
        phase =
            code == CURLE_OPERATION_TIMEDOUT && is_late ? FtpPhase::connect_timeout : FtpPhase::connecting;
    }
    const int reply = m_replies.last_code();
    FtpTrouble trouble;
    trouble.failure = failure_of_exchange(code, reply, phase);
    trouble.refused_directory = code == CURLE_REMOTE_ACCESS_DENIED && reply >= 500;
    const std::string curl_text = m_curl_text[0] != '\0' ? m_curl_text : curl_easy_strerror(code);
    std::string text = curl_text;
    if (reply >= 400 && (reply == 421 || !is_broken_connection(code, reply))) {
        trouble.reply = reply;
        text = m_replies.last_text();
    }
    if (phase != FtpPhase::logged_in)
        text = "no login as " + m_config.user + " at " + m_url.host + ':' + std::to_string(m_url.port) +
               ": " + text;
    trouble.text = base::printable(without_password(std::move(text), m_config.password));
    return trouble;
}

std::size_t FtpConnection::on_reply_line(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& connection = *static_cast<FtpConnection*>(self);
    try {
        connection.m_replies.add_line({bytes, size * count});
        const int code = connection.m_replies.last_code();
        connection.m_awaits_data_socket = code == 229 || code == 227;
        return size * count;
    } catch (...) {
        connection.m_thrown = std::current_exception();
        return 0;
    }
}

std::size_t FtpConnection::on_read(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& connection = *static_cast<FtpConnection*>(self);
    try {
        connection.m_moved_payload = true;
        return connection.m_source->read({bytes, size * count});
    } catch (...) {
        connection.m_thrown = std::current_exception();
        return CURL_READFUNC_ABORT;
    }
}

std::size_t FtpConnection::on_write(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& connection = *static_cast<FtpConnection*>(self);
    if (connection.m_thrown) // by on_raw_bytes(), which cannot end the transfer
        return 0;
    try {
        connection.m_moved_payload = true;
        if (connection.m_sink != nullptr)
            connection.m_sink->write({bytes, size * count});
        return size * count;
    } catch (...) {
        connection.m_thrown = std::current_exception();
        return size * count == 0 ? 1 : 0; // anything but the number of bytes ends the transfer
    }
}

int FtpConnection::on_raw_bytes(CURL*, curl_infotype kind, char* bytes, std::size_t size, void* self) {
    auto& connection = *static_cast<FtpConnection*>(self);
    if (kind != CURLINFO_DATA_IN || connection.m_raw_sink == nullptr || connection.m_thrown)
        return 0;
    try {
        connection.m_moved_payload = true;
        connection.m_raw_sink->write({bytes, size});
    } catch (...) {
        connection.m_thrown = std::current_exception();
    }
    return 0;
}

int FtpConnection::on_socket_opened(void* self, curl_socket_t socket, curlsocktype) {
    auto& connection = *static_cast<FtpConnection*>(self);
    connection.m_awaits_data_socket = false;
    try {
        if (connection.m_replies.empty()) { // a data connection is opened after some reply
            connection.m_is_new_connection = true;
            connection.m_control_sockets.insert(socket);
        }
        return CURL_SOCKOPT_OK;
    } catch (...) {
        return CURL_SOCKOPT_ERROR;
    }
}

int FtpConnection::on_socket_closed(void* self, curl_socket_t socket) {
    auto& connection = *static_cast<FtpConnection*>(self);
    const base::Fd closes_it(socket);
    try {
        const bool is_control = connection.m_control_sockets.erase(socket) > 0;
        const bool broke_in_upload = is_control && connection.m_source != nullptr &&
                                     connection.m_moved_payload && !connection.m_thrown &&
                                     connection.m_replies.last_code() < 200;
        if (broke_in_upload)
            connection.take_late_reply(socket);
    } catch (...) {
        connection.m_had_late_reply = false; // the failure is then what libcurl calls it
    }
    return 0;
}

void FtpConnection::take_late_reply(curl_socket_t control) {
    // A server that runs out of space closes the data connection and says why on the control connection.
    // libcurl drops both at the first, so that 452 would look like a broken wire.
    std::array<char, 1024> bytes{};
    std::string text;
    for (int tries = 0; tries < k_late_reply_tries; ++tries) {
        try {
            const std::size_t got =
                base::read_some(control, bytes.data(), bytes.size(), "the control connection");
            if (got == 0)
                return;
            text.append(bytes.data(), got);
        } catch (const base::SystemError&) { // nothing there yet
            base::system_clock().sleep_for(k_late_reply_wait);
        }
        const std::size_t before = m_replies.count();
        for (std::size_t end; (end = text.find('\n')) != std::string::npos && m_replies.count() == before;) {
            m_replies.add_line(text.substr(0, end));
            text.erase(0, end + 1);
        }
        if (m_replies.count() > before) {
            m_had_late_reply = m_replies.last_code() >= 400;
            return;
        }
    }
}

} // namespace nodespool::node
