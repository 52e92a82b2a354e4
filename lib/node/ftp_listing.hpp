// A directory as an FTP server lists it, in the form of ls -l that servers on Unix send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::node {

/// One line of ls -l.
struct LsEntry {
    char type = '?'; ///< first letter of the mode, '?' where the line is not as ls -l writes it
    std::uint64_t size_bytes = 0;
    std::string_view name; ///< the whole line where the type is '?'
};

/// `-rw-r--r--    1 1001     1001          123 Nov 21 13:30 NAME`. One blank stands before the name, the rest
/// is it.
LsEntry parse_ls_line(std::string_view line);

/// Does the reply to a listing say that the server cut it off? Some call that a success (pure-ftpd).
bool says_cut_off(std::string_view reply);

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
