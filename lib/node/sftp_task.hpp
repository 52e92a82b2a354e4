// One put or remove on an SFTP connection, among others that are under way.
#pragma once

#include "node/sftp_connection.hpp"
#include "node/sftp_directories.hpp"
#include "node/sized_source.hpp"

#include <deque>
#include <exception>
#include <string>
#include <string_view>

namespace nodespool::node {

class SftpPut;

/// What the tasks of one session share.
struct SftpWork {
    const std::string& node;
    const std::string& root;
    SftpConnection& connection;
    SftpDirectories& directories;
    std::deque<SftpPut*> writers{};       ///< those with bytes to send, in turn
    std::size_t unacknowledged_bytes = 0; ///< of all of them
};

/// Ends its request (error, removal) and then is done. Replies may be owed to it until then: it must stay
/// where it is, or the connection must have been reset.
class SftpTask {
  public:
    SftpTask(SftpWork& work, Request& request) : m_work(work), m_request(request) {}
    SftpTask(const SftpTask&) = delete;
    SftpTask& operator=(const SftpTask&) = delete;
    virtual ~SftpTask() = default;

    virtual void start() = 0;
    [[nodiscard]] bool is_done() const { return m_is_done; }
    [[nodiscard]] Request& request() const { return m_request; }

  protected:
    void succeed() { m_is_done = true; }
    void fail(std::exception_ptr error);
    void fail(const SftpTrouble& trouble);
    /// Fails, after a look whether the node is full or read-only where @p trouble may come of that.
    void fail_by_space(SftpTrouble trouble, std::uint64_t wanted_bytes);
    [[nodiscard]] SftpTrouble trouble_of(const SftpReply::Status& status) const;
    [[nodiscard]] std::string path() const;

    SftpWork& m_work;

  private:
    Request& m_request;
    bool m_is_done = false;
};

/// The NodeError of a request that failed: "NODE: cannot put NAME: ...".
std::exception_ptr error_of(const SftpTrouble& trouble, const std::string& node, const Request& request);

/// OPEN; WRITE, CLOSE and LSTAT without waiting for each other: two round trips.
class SftpPut : public SftpTask {
  public:
    SftpPut(SftpWork& work, Request& request) : SftpTask(work, request), m_source(*request.source) {}

    void start() override;
    /// Sends the next block. false: there are no more.
    bool write_block();

  private:
    void on_opened(SftpReply& reply);
    void on_not_opened(const SftpReply::Status& status);
    void on_written(SftpReply& reply, std::size_t size);
    void on_closed(SftpReply& reply);
    void on_looked(SftpReply& reply);
    void look();
    void look_why_not_opened(const SftpTrouble& trouble);
    void close();
    /// The first refusal is the one to tell. @param size  how many bytes were refused
    void note(const SftpReply::Status& status, std::size_t size);
    std::size_t read_block(std::span<char> block);
    /// Once all replies are in: how did it go?
    void settle();

    SizedSource m_source;
    std::string m_handle;
    std::uint64_t m_offset = 0;
    unsigned m_owed = 0; ///< replies to WRITE, CLOSE and LSTAT
    bool m_made_directory = false;
    bool m_is_read = false; ///< to its end, or as far as it will be
    bool m_is_closed = false;
    bool m_looked_again = false;
    std::optional<std::uint64_t> m_size_there;
    std::optional<SftpTrouble> m_trouble;
    std::size_t m_refused_bytes = 0;
    std::exception_ptr m_thrown; ///< by the source
};

/// REMOVE, and a look around where the server says that the file is not there.
class SftpRemoval : public SftpTask {
  public:
    using SftpTask::SftpTask;
    void start() override;

  private:
    void on_removed(SftpReply& reply);
    void on_absent();
    void look_why_not_removed(const SftpTrouble& trouble);
};

} // namespace nodespool::node
