// The sending log: which names on nodes this process has begun to write, so that none is left there
// unrecorded.
#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "processor/sending_line.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nodespool::processor {

/// `ROOT/.state/sending-HOST-PID-STAMP.log`, held locked while its process lives. An entry is settled (its
/// first byte becomes `#`) when its copy is durably recorded in a link file, or is known to be gone from the
/// node, or a `remove` job for it is durable. A log that has grown large is begun anew with what is open:
/// it stays below 1 MiB or twice that, whatever the run sends. Thread-safe.
class SendingLog {
  public:
    SendingLog(const std::string& cluster_root, const base::Clock& clock);
    SendingLog(const SendingLog&) = delete;
    SendingLog& operator=(const SendingLog&) = delete;
    /// Removes the file when every entry is settled.
    ~SendingLog();

    using Entry = std::uint64_t; ///< its number in this object
    /// In the kernel's hands when it returns: a killed process is covered. (After a power cut `check` finds
    /// the copy.)
    Entry note(const Sending& sending);
    /// Where it is settled already, nothing changes.
    void settle(Entry entry);
    /// What is not settled.
    std::vector<std::pair<Entry, Sending>> open_entries();

  private:
    struct Line {
        std::uint64_t offset = 0;
        Sending sending;
    };

    [[nodiscard]] base::Fd open_locked(const std::string& name) const;
    void create();
    void keep_small();
    void begin_anew();

    std::string m_root;
    const base::Clock* m_clock;
    std::mutex m_mutex;
    base::Fd m_directory;
    std::string m_name;
    base::Fd m_fd;
    std::uint64_t m_end = 0;
    std::uint64_t m_anew_at = 0; ///< how large it may get
    Entry m_next_entry = 0;
    std::map<Entry, Line> m_open;
};

/// Calls @p visit for each unsettled entry of every sending log there is, of living processes and of dead
/// ones, without a lock and in bounded memory. What is noted or settled meanwhile may be in it or not.
/// @return how many logs this user may not read; they are logged and passed over
std::size_t for_each_open_sending(const std::string& cluster_root,
                                  const std::function<void(const Sending&)>& visit);

/// A log whose process is gone, now locked by this one.
class AbandonedLog {
  public:
    /// Every one there is.
    static std::vector<AbandonedLog> find(const std::string& cluster_root);
    /// Its unsettled entries. However long the log is, only they are held. @throws base::SystemError
    [[nodiscard]] std::vector<Sending> open_entries() const;
    /// Everything in it is settled: removes it.
    void remove();

  private:
    AbandonedLog(std::string directory, std::string name, base::Fd fd)
        : m_directory(std::move(directory)),
          m_name(std::move(name)),
          m_fd(std::move(fd)) {}

    std::string m_directory;
    std::string m_name;
    base::Fd m_fd;
};

} // namespace nodespool::processor
