// The bytes of one file or list over a data connection, with an eye on the control connection.
#pragma once

#include "node/ftp_control.hpp"
#include "node/patience.hpp"
#include "node/sized_source.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nodespool::node {

/// The reply of a server to which nobody connected (RFC 959), where it has no other reason.
constexpr int k_no_data_connection = 425;

/// What came of an upload that the server answered.
struct FtpUploadEnd {
    FtpReply reply;        ///< the server's last to it
    bool was_sent = false; ///< whole, as far as this side can tell
    bool was_connected = false;
    std::string data_trouble; ///< why not, where the data connection broke
};

/// Blocks of a file, for one session after another.
class FtpBuffer {
  public:
    /// Made when first needed.
    std::span<char> space();

  private:
    std::unique_ptr<char[]> m_bytes;
};

/// Sends one source. STOR goes out with the beginning of the data connection. What fits into one block
/// follows as soon as that stands, without waiting for the server's consent; where it refuses, the caller
/// rewinds the source. Of a larger one nothing is read before the consent: that round trip does not show, and
/// not every source can go back.
class FtpUpload {
  public:
    FtpUpload(SizedSource& source, FtpBuffer& buffer);

    /// Reads what is sent without consent. What the source throws comes out, here and from send().
    void read_first();
    /// After STOR was sent: all that goes, until the server has everything or says that it takes no more.
    /// @param connects_at_latest  for the data connection
    /// @throws FtpLost, Interrupted
    void send(std::unique_ptr<Stream> data, FtpControl& control, const Patience& patience,
              base::MonotonicTime connects_at_latest);
    /// After send(): what the server says to it.
    /// @throws FtpLost, Interrupted
    FtpUploadEnd finish(FtpControl& control);
    /// Has the server begun with the file, as far as it said so?
    [[nodiscard]] bool was_begun() const { return m_was_begun; }

  private:
    bool send_what_goes();
    void read_next();
    void wait(FtpControl& control, const Patience& patience, base::MonotonicTime connects_at_latest);
    void take(FtpReply reply);
    void take_what_came(FtpControl& control);

    SizedSource& m_source;
    std::unique_ptr<Stream> m_data;
    std::span<char> m_space;
    std::span<const char> m_rest; ///< read and not sent
    bool m_at_end = false;
    bool m_is_connected = false;
    bool m_was_begun = false;
    bool m_awaits_consent = false;
    bool m_was_sent = false;
    bool m_was_connected = false;
    bool m_has_looked = false; ///< at the control connection
    std::optional<FtpReply> m_last;
    std::string m_trouble;
};

/// What came of a download that the server answered.
struct FtpDownloadEnd {
    FtpReply reply;
    bool is_whole = false; ///< the end of the data came as an end
    bool was_connected = false;
    std::string data_trouble;
};

/// After RETR or a listing was sent: all data into @p sink. What it throws comes out.
/// @throws FtpLost, Interrupted
FtpDownloadEnd receive_data(FtpControl& control, std::unique_ptr<Stream> data, Sink& sink, FtpBuffer& buffer,
                            const Patience& patience, base::MonotonicTime connects_at_latest);

} // namespace nodespool::node
