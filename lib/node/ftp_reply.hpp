// Replies of an FTP server, put together from the lines of its control connection (RFC 959 §4.2).
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

    [[nodiscard]] bool is_preliminary() const { return code >= 100 && code < 200; }
    [[nodiscard]] bool is_success() const { return code >= 200 && code < 300; }
    [[nodiscard]] bool is_refusal() const { return code >= 500 && code < 600; }
    [[nodiscard]] bool is_failure() const { return code >= 400 && code < 600; }
};

/// Size from a reply to SIZE (RFC 3659 §4): "213 12345". nullopt for any other reply.
std::optional<std::uint64_t> size_from(const FtpReply& reply);
/// Port from a reply to EPSV (RFC 2428 §3), "229 Extended passive mode (|||6446|)", or to PASV, "227 Passive
/// mode (192,168,0,1,25,46)". nullopt for any other reply. The address in the latter is not looked at: it
/// could be anybody's.
std::optional<std::uint16_t> port_from(const FtpReply& reply);
/// The directory in a reply to PWD (RFC 959 appendix II): `257 "/a ""quoted"" name" is current`.
std::optional<std::string> directory_from(const FtpReply& reply);

/// Can a line that starts so begin a reply? @p start may be a part of it. A blank line can be passed over.
bool can_begin_reply(std::string_view start);

/// Puts replies together.
class FtpReplyReader {
  public:
    /// One line as it came, with or without its line end. The reply that it ends, if it ends one. A reply of
    /// several lines begins with its code and a dash, and ends with the same code and a blank. Outside of a
    /// reply, a line that cannot begin one is passed over.
    std::optional<FtpReply> add_line(std::string_view line);
    /// Has a reply begun that has not ended?
    [[nodiscard]] bool is_inside() const { return m_has_begun; }
    /// Bytes of its lines so far.
    [[nodiscard]] std::size_t bytes() const { return m_bytes; }

  private:
    bool m_has_begun = false;
    std::string m_code; ///< of the reply that has begun
    std::size_t m_bytes = 0;
    FtpReply m_reply;
};

} // namespace nodespool::node
