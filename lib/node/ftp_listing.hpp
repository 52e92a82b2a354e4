// A directory as an FTP server lists it, in the form of ls -l that servers on Unix send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::node {

/// The answer to LIST. RFC 959 §4.1.3 leaves its form to the server, so this reads carefully: a line of
/// unknown form never makes a name absent.
class FtpListing {
  public:
    /// @param text   what came over the data connection
    /// @param reply  the server's last reply, which tells where it cut the list off
    FtpListing(std::string text, std::string_view reply);

    /// May an entry of this name be there? Yes also where only the end of an unreadable line fits.
    [[nodiscard]] bool may_hold(std::string_view name) const;
    /// Size of the regular file @p name; nullopt where it is not listed, or not in a form that is understood.
    [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view name) const;
    /// Would an entry of this name be in the list if it were there? Not where the list was cut off, may be
    /// empty only because the server could not read the directory, or leaves out names that begin with a dot.
    [[nodiscard]] bool would_show(std::string_view name) const;

  private:
    std::string m_text;
    bool m_is_cut_off;
};

} // namespace nodespool::node
