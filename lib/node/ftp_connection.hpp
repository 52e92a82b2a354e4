// One control connection to an FTP server, by libcurl: exchanges, and what came of them.
#pragma once

#include "base/clock.hpp"
#include "node/config.hpp"
#include "node/ftp_reply.hpp"
#include "node/session.hpp"
#include "node/sized_source.hpp"
#include "node/url.hpp"

#include <curl/curl.h>

#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nodespool::node {

/// Why an exchange failed.
struct FtpTrouble {
    Failure failure = Failure::temporary;
    int reply = 0;                  ///< code of the reply that refused, 0 where none did
    bool refused_directory = false; ///< what was refused is the CWD of a listing
    std::string
        text; ///< one line for the operator: the server's reply, or libcurl's words; never the password
};

/// What came of an exchange.
struct FtpResult {
    std::optional<FtpTrouble> trouble; ///< nullopt: it went through, whatever the commands' own replies are
    std::vector<FtpReply>
        replies; ///< to the commands that were given, in order; empty where there is trouble
};

/// Connects when first needed, keeps the connection from one exchange to the next, and connects again where
/// it was lost meanwhile. Paths are as the server reads them: relative to the login directory, or absolute.
class FtpConnection {
  public:
    FtpConnection(const NodeConfig& config, NodeUrl url, Interrupt interrupt);
    FtpConnection(const FtpConnection&) = delete;
    FtpConnection& operator=(const FtpConnection&) = delete;
    ~FtpConnection();

    /// Sends the commands, each after the reply to the one before.
    FtpResult send(const std::vector<std::string>& commands);
    /// STOR, and @p then once it is acknowledged. What the source throws comes out.
    FtpResult upload(const std::string& path, SizedSource& source, const std::string& then);
    /// RETR, and @p then once it is through. What the sink throws comes out.
    FtpResult download(const std::string& path, Sink& sink, const std::string& then);
    /// CWD and then @p command, a listing of the directory; its only reply is the listing's last. The sink
    /// gets the list byte for byte as the server sends it. What the sink throws comes out.
    FtpResult list(const std::string& directory, const std::string& command, Sink& sink);

  private:
    struct ListFree {
        void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    };
    using List = std::unique_ptr<curl_slist, ListFree>;

    static std::size_t on_reply_line(char* bytes, std::size_t size, std::size_t count, void* self);
    static std::size_t on_read(char* bytes, std::size_t size, std::size_t count, void* self);
    static std::size_t on_write(char* bytes, std::size_t size, std::size_t count, void* self);
    static int on_raw_bytes(CURL* curl, curl_infotype kind, char* bytes, std::size_t size, void* self);
    static int on_socket_opened(void* self, curl_socket_t socket, curlsocktype purpose);
    static int on_socket_closed(void* self, curl_socket_t socket);

    void begin(const std::string& path);
    void set_timeouts();
    FtpResult perform(const std::vector<std::string>& commands);
    CURLcode perform_once();
    CURLcode drive();
    void forget_connection();
    [[nodiscard]] FtpTrouble trouble_of(CURLcode code) const;
    [[nodiscard]] std::string url_of(const std::string& path) const;
    void take_late_reply(curl_socket_t control);

    NodeConfig m_config;
    NodeUrl m_url;
    Interrupt m_interrupt;
    FtpReplies m_replies;
    SizedSource* m_source = nullptr;
    Sink* m_sink = nullptr;
    Sink* m_raw_sink = nullptr;
    /// What a Source or Sink threw: it must not pass through libcurl's frames.
    std::exception_ptr m_thrown;
    base::MonotonicTime::duration m_elapsed{};
    bool m_moved_payload = false;
    bool m_is_new_connection = false;
    bool m_had_late_reply = false;
    /// Sockets that were opened before the server's greeting: what is left of them after it is the control
    /// connection, and nothing is left where that is closed.
    std::set<curl_socket_t> m_control_sockets;
    char m_curl_text[CURL_ERROR_SIZE] = "";
    /// The server named a port for the data connection, and libcurl has not opened a socket for it yet.
    bool m_awaits_data_socket = false;
    CURLM* m_multi; ///< owns the connection
    CURL* m_curl;
};

} // namespace nodespool::node
