// One thread, one client at a time, blocking sockets; stop() wakes it by shutting them down.
#include "faulty_ftp_server.hpp"

#include "loopback.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>

namespace nodespool::node::test {

const std::string k_usual = "<usual>";
const std::string k_silence = "<silence>";
const std::string k_deafness = "<deafness>";
const std::string k_hang_up = "<hang up>";

std::uint16_t unused_port() {
    const int fd = listen_on_loopback();
    const std::uint16_t port = port_of(fd);
    ::close(fd);
    return port;
}

struct FaultyFtpServer::State {
    explicit State(FtpScript wanted) : script(std::move(wanted)), listener(listen_on_loopback()) {}

    FtpScript script;
    int listener;
    std::mutex mutex;
    std::set<int> open_sockets; ///< guarded by mutex
    bool stopping = false;      ///< guarded by mutex
    std::vector<std::string> commands;
    std::map<std::string, std::size_t> used;
    int client = -1;
    int data_listener = -1;
    std::vector<int> unaccepted; ///< connections that fill a listener, so that it answers no more
    std::uint64_t received_bytes = 0;
    std::string pending; ///< from the client, not answered yet

    void serve();
    void serve_client();
    bool answer(const std::string& command);
    std::string next_reply(const std::string& verb);
    bool say(const std::string& text);
    bool reply(const std::string& verb, const std::string& usual);
    bool open_data_port(const std::string& verb);
    bool take_upload();
    bool send_listing(const std::string& text);
    std::uint16_t filtered_port();
    int accept_on(int fd);
    void drop(int& fd);
};

int FaultyFtpServer::State::accept_on(int fd) {
    const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1; // small replies must not wait for acknowledgements
    ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex);
    if (accepted >= 0)
        open_sockets.insert(accepted);
    if (stopping && accepted >= 0)
        ::shutdown(accepted, SHUT_RDWR);
    return accepted;
}

/// The kernel answers nobody whose connection would not fit into the queue of the listener.
std::uint16_t FaultyFtpServer::State::filtered_port() {
    const int fd = listen_on_loopback();
    ::listen(fd, 0);
    const std::uint16_t port = port_of(fd);
    unaccepted.push_back(fd);
    const sockaddr_in address = loopback(port);
    for (int i = 0; i < 4; ++i) {
        const int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ::connect(filler, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        unaccepted.push_back(filler);
    }
    return port;
}

void FaultyFtpServer::State::drop(int& fd) {
    const std::lock_guard lock(mutex);
    open_sockets.erase(fd);
    if (fd >= 0)
        ::close(fd);
    fd = -1;
}

void FaultyFtpServer::State::serve() {
    for (;;) {
        client = accept_on(listener);
        if (client < 0)
            return;
        serve_client();
        drop(client);
    }
}

void FaultyFtpServer::State::serve_client() {
    bool goes_on = reply("GREETING", "220 ready\r\n");
    pending.clear();
    char bytes[4096];
    while (goes_on) {
        const ssize_t got = ::read(client, bytes, sizeof bytes);
        if (got <= 0)
            return;
        pending.append(bytes, static_cast<std::size_t>(got));
        for (std::size_t end; goes_on && (end = pending.find("\r\n")) != std::string::npos;) {
            const std::string command = pending.substr(0, end);
            pending.erase(0, end + 2);
            const bool is_followed = !pending.empty();
            if (script.together != FtpScript::Together::taken)
                pending.clear();
            commands.push_back(command);
            goes_on = answer(command) && !(is_followed && script.together == FtpScript::Together::hung_up);
        }
    }
}

std::string FaultyFtpServer::State::next_reply(const std::string& verb) {
    const auto found = script.replies.find(verb);
    if (found == script.replies.end())
        return k_usual;
    return found->second[std::min(used[verb]++, found->second.size() - 1)];
}

bool FaultyFtpServer::State::say(const std::string& text) {
    if (text == k_deafness)
        for (char byte = 0; ::read(client, &byte, 1) > 0;) {
        }
    if (text == k_hang_up || text == k_deafness)
        return false;
    if (text != k_silence)
        ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
    return true;
}

bool FaultyFtpServer::State::reply(const std::string& verb, const std::string& usual) {
    const std::string text = next_reply(verb);
    return say(text == k_usual ? usual : text);
}

bool FaultyFtpServer::State::answer(const std::string& command) {
    const std::string verb = command.substr(0, command.find(' '));
    if (verb == "EPSV" || verb == "PASV")
        return open_data_port(verb);
    if (verb == "STOR") {
        const std::string text = next_reply(verb);
        return text == k_usual ? take_upload() : say(text);
    }
    if (const auto exact = script.exact_replies.find(command); exact != script.exact_replies.end())
        return say(exact->second);
    const std::string scripted =
        verb == "LIST" || verb == "MLSD" || verb == "NLST" || verb == "RETR" ? next_reply(verb) : "";
    if (!scripted.empty() && scripted != k_usual)
        return say(scripted);
    if (verb == "LIST")
        return send_listing(script.listing);
    if (verb == "MLSD" && script.facts)
        return send_listing(*script.facts);
    if (verb == "RETR" && script.file)
        return send_listing(*script.file);
    if (verb == "NLST" && script.names)
        return send_listing(*script.names);
    if (verb == "SIZE") {
        const std::uint64_t size = script.file ? script.file->size() : received_bytes;
        const bool goes_on = reply(verb, "213 " + std::to_string(size) + "\r\n");
        return goes_on && !(script.parting_words && reply("", *script.parting_words));
    }
    static const std::map<std::string, std::string> usual = {
        {"USER", "331 password\r\n"}, {"PASS", "230 welcome\r\n"}, {"PWD", "257 \"/\"\r\n"},
        {"TYPE", "200 ok\r\n"},       {"CWD", "250 ok\r\n"},       {"MKD", "257 made\r\n"},
        {"DELE", "250 ok\r\n"},       {"QUIT", "221 bye\r\n"},
    };
    const auto found = usual.find(verb);
    return reply(verb, found == usual.end() ? "502 not implemented\r\n" : found->second);
}

bool FaultyFtpServer::State::open_data_port(const std::string& verb) {
    drop(data_listener);
    std::uint16_t port = 0;
    const FtpScript::EpsvPort kind = verb == "EPSV" ? script.epsv_port : FtpScript::EpsvPort::open;
    if (script.dead_data_port || kind == FtpScript::EpsvPort::closed) {
        port = unused_port();
    } else if (kind == FtpScript::EpsvPort::filtered) {
        port = filtered_port();
    } else {
        data_listener = listen_on_loopback();
        port = port_of(data_listener);
        const std::lock_guard lock(mutex);
        open_sockets.insert(data_listener);
    }
    const std::string number = std::to_string(port);
    return reply(verb, verb == "EPSV" ? "229 ok (|||" + number + "|)\r\n"
                                      : "227 ok (127,0,0,1," + std::to_string(port / 256) + "," +
                                            std::to_string(port % 256) + ")\r\n");
}

bool FaultyFtpServer::State::take_upload() {
    if (data_listener < 0)
        return say("425 nobody came\r\n");
    reply("150", "150 go on\r\n");
    int data = accept_on(data_listener);
    received_bytes = 0;
    char bytes[65536];
    for (ssize_t got;
         received_bytes < script.cut_after_bytes && (got = ::read(data, bytes, sizeof bytes)) > 0;)
        received_bytes += static_cast<std::uint64_t>(got);
    const bool is_cut = received_bytes >= script.cut_after_bytes;
    drop(data);
    if (!pending.empty() && script.haste == FtpScript::Haste::abort) {
        pending.clear();
        return say("426 aborted\r\n");
    }
    if (!pending.empty() && script.haste == FtpScript::Haste::answer) {
        say("213 " + std::to_string(received_bytes) + "\r\n450 transfer in progress\r\n");
        pending.clear();
    }
    return is_cut ? reply("CUT", "452 no space left\r\n") : reply("226", "226 got it\r\n");
}

bool FaultyFtpServer::State::send_listing(const std::string& text) {
    if (data_listener < 0)
        return say("425 nobody came\r\n");
    reply("150", "150 here it comes\r\n");
    int data = accept_on(data_listener);
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t count = ::send(data, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0)
            break;
        sent += static_cast<std::size_t>(count);
    }
    const linger at_once{1, 0};
    if (script.resets_lists)
        ::setsockopt(data, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop(data);
    return reply("LISTED", "226 that was it\r\n");
}

FaultyFtpServer::FaultyFtpServer(FtpScript script)
    : m_state(std::make_unique<State>(std::move(script))),
      m_thread([this] { m_state->serve(); }) {}

FaultyFtpServer::~FaultyFtpServer() {
    stop();
    ::close(m_state->listener);
    m_state->drop(m_state->data_listener);
    for (const int fd : m_state->unaccepted)
        ::close(fd);
}

std::vector<std::string> FaultyFtpServer::stop() {
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->stopping = true;
        ::shutdown(m_state->listener, SHUT_RDWR);
        for (const int fd : m_state->open_sockets)
            ::shutdown(fd, SHUT_RDWR);
    }
    if (m_thread.joinable())
        m_thread.join();
    return m_state->commands;
}

NodeConfig FaultyFtpServer::config() const {
    NodeConfig config;
    config.name = "faulty";
    config.connect_timeout = std::chrono::seconds(5);
    config.stall_timeout = std::chrono::seconds(1);
    parse_node_url("ftp://ali:sesame-sesame@127.0.0.1:" + std::to_string(port_of(m_state->listener)) + "/",
                   config);
    return config;
}

} // namespace nodespool::node::test
