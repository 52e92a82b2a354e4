// What the sessions of one process have learned about an FTP server.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace nodespool::node {

/// One for each node, shared by its sessions and their threads. Nothing in it decides whether a file is safe:
/// each upload is verified all the same.
class FtpMemory {
  public:
    /// @param key  tells the node from others: its name, and where it is
    static std::shared_ptr<FtpMemory> of(const std::string& key);

    // --- EPSV (RFC 2428), or the older PASV where the server does not know that, or where what stands
    // between lets nothing through to its ports. A node that turns out to lack both is asked with EPSV, which
    // alone knows of IPv6.
    [[nodiscard]] bool lacks_epsv() const;
    [[nodiscard]] bool lacks_pasv() const;
    void note_lack_of_epsv();
    void note_lack_of_pasv();

    // --- Commands that are sent together. A server that drops some of them gets one at a time, and another
    // trial long after: it may have been the network.
    [[nodiscard]] bool takes_one_at_a_time() const;
    void note_dropped_commands();
    /// An exchange went through with one command at a time.
    void note_use_of_one_at_a_time();

    // --- Commands sent ahead, while an upload is still under way. Many servers read them when it is done;
    // some take what comes meanwhile for an order to abort, or answer it at once. Only a trial tells, with
    // files that are verified, and sent again where it failed. One session makes it, the others wait for its
    // outcome.
    bool may_send_ahead(const void* session);
    /// A file that was followed by commands ahead is whole.
    void note_ahead_went_well(const void* session);
    /// It was not, and nothing but the commands ahead explains it.
    void note_ahead_failed();
    /// It was not, and that may have other causes.
    void note_ahead_is_doubtful();
    /// The session is gone, its trial unfinished.
    [[nodiscard]] bool is_trying(const void* session) const;
    void end_trial(const void* session);

    // --- Directories that are there. While new ones are missing, as on a new node, they are made before a
    // file is sent into them, instead of after it was refused.
    [[nodiscard]] bool should_make(const std::string& directory) const;
    void note_directory(const std::string& directory);
    void note_missing_directory();
    /// It was made for nothing.
    void note_needless_making();

  private:
    enum class Trial { untried, under_way, passed, failed };

    mutable std::mutex m_mutex;
    bool m_lacks_epsv = false;
    bool m_lacks_pasv = false;
    std::uint64_t m_one_at_a_time_left = 0; ///< exchanges until commands are sent together again
    std::uint64_t m_one_at_a_time_last = 0; ///< how many there were the last time
    Trial m_trial = Trial::untried;
    const void* m_tried_by = nullptr;
    unsigned m_successes = 0;
    unsigned m_doubts = 0;
    unsigned m_expected_missing = 0; ///< above 0: new directories are made first
    std::unordered_set<std::string> m_directories;
};

} // namespace nodespool::node
