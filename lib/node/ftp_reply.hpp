// Replies of an FTP server, collected line by line from the control connection (RFC 959 §4.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// One whole reply. The text is all of its lines on one line, the last one last: "550 No such file".
struct FtpReply {
    int code = 0;
    std::string text;

    [[nodiscard]] bool is_success() const { return code >= 200 && code < 300; }
    [[nodiscard]] bool is_refusal() const { return code >= 500 && code < 600; }
    [[nodiscard]] bool is_failure() const { return code >= 400 && code < 600; }
};

/// Size from a reply to SIZE (RFC 3659 §4): "213 12345". nullopt for any other reply.
std::optional<std::uint64_t> size_from(const FtpReply& reply);

/// Everything the server said in one exchange.
class FtpReplies {
  public:
    void clear();
    /// One line as it came, with or without its line end. The last line of a reply is three digits and a
    /// blank: libcurl uses the same rule, so both count alike.
    void add_line(std::string_view line);

    [[nodiscard]] bool empty() const { return m_replies.empty(); }
    /// Code of the last whole reply; 0 where there was none.
    [[nodiscard]] int last_code() const { return m_replies.empty() ? 0 : m_replies.back().code; }
    [[nodiscard]] std::string last_text() const;
    [[nodiscard]] std::size_t count() const { return m_replies.size(); }
    /// The last @p count replies, in order.
    [[nodiscard]] std::vector<FtpReply> last(std::size_t count) const;
    /// Has the greeting been followed by the server's consent? Only for an exchange that began with the
    /// greeting.
    [[nodiscard]] bool shows_login() const;

  private:
    std::vector<FtpReply> m_replies;
    std::string m_open_text;
};

} // namespace nodespool::node
