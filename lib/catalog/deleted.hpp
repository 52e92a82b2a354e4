// ROOT/.deleted: the link files of deleted files, until their copies are gone.
#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "catalog/link.hpp"

#include <functional>
#include <optional>
#include <string>

namespace nodespool::catalog {

/// Link files that LinkBatch::move_to_deleted() put there, as they were, `gone` lines included, under names
/// `STAMP-HOST-PID-N`. Whoever works them off claims each. Thread-safe.
class Deleted {
  public:
    /// Makes the directory, durably, where it is missing. @throws base::Error cannot_create
    explicit Deleted(const std::string& cluster_root, const base::Clock& clock = base::system_clock());
    /// For reading only: makes nothing. A missing directory is an empty one.
    static Deleted open_existing(const std::string& cluster_root);

    /// Calls @p visit with each name, in no order, until it returns false; bounded memory. What is finished
    /// meanwhile may be visited or not.
    void for_each(const std::function<bool(const std::string& name)>& visit) const;

    /// nullopt: it is finished. @throws base::Error bad_input, naming the file, where it cannot be understood
    [[nodiscard]] std::optional<Link> read(const std::string& name) const;

    /// One of them, locked: no other claims it meanwhile. A process that dies leaves it as it was.
    class Claim {
      public:
        [[nodiscard]] const Link& link() const { return m_link; }
        [[nodiscard]] const std::string& name() const { return m_name; }
        /// Unlinks it: its copies are gone, or their `remove` jobs durable. Not synced: where a crash brings
        /// it back, it is worked off again and finds its work done.
        void finish();

      private:
        friend class Deleted;
        Claim(const Deleted& deleted, std::string name, base::Fd fd, Link link)
            : m_deleted(&deleted),
              m_name(std::move(name)),
              m_fd(std::move(fd)),
              m_link(std::move(link)) {}

        const Deleted* m_deleted;
        std::string m_name;
        base::Fd m_fd;
        Link m_link;
    };
    /// nullopt: it is finished, or another has it. Before copies are deleted, sync() must have been called
    /// since the name was seen: else a power cut could put the link back into the catalogue, without them.
    /// @throws base::Error bad_input as read()
    [[nodiscard]] std::optional<Claim> claim(const std::string& name) const;

    /// What was moved here, and what was finished, is durable after this.
    void sync() const;

    [[nodiscard]] const std::string& path() const { return m_path; }

  private:
    friend class LinkBatch;
    struct ReadOnly {};
    Deleted(ReadOnly tag, const std::string& cluster_root, const base::Clock& clock);
    [[nodiscard]] Link parse(int fd, const std::string& name) const;

    std::string m_path;
    const base::Clock* m_clock;
    base::Fd m_dir;
};

} // namespace nodespool::catalog
