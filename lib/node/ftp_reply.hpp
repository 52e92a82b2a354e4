// Replies of an FTP server, collected line by line from the control connection (RFC 959 §4.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// One whole reply.
struct FtpReply {
    int code = 0;
    /// All of its lines on one line, the last one last, cut where it is long: "550 No such file".
    std::string text;
    /// The lines before the last one, as they came; the first ones where they are many.
    std::vector<std::string> lines_before{};

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
    std::vector<std::string> m_open_lines;
};

} // namespace nodespool::node
