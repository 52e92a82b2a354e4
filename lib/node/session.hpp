// The one interface to a node server: a session that moves, measures and removes many files, one after
// another.
#pragma once

#include "base/error.hpp"
#include "base/timestamp.hpp"
#include "node/config.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// What a failure on a node means for the job and for the node (design, "Failures").
enum class Failure {
    temporary,       ///< 4xx, a stalled or broken transfer, busy: this job may well work later
    node_down,       ///< refused, unreachable, login failed, root missing: no job waits for this node now
    node_full,       ///< no space or quota (452, 552, ENOSPC, EDQUOT): no more stores to it now
    node_unwritable, ///< its file system is read-only: nothing can be stored or removed there now, but read
    permanent        ///< this node will not take this file (5xx): another may
};

std::string_view to_string(Failure failure);

/// Did the server refuse *this connection* (421 at its greeting or login, too many connections, no more
/// sessions), although it may serve others? Then nothing is wrong with the node or the job: whoever has other
/// connections to it open and working asks for fewer.
enum class Refusal { none, connection };

/// A failure on a node: "NODE: cannot put NAME: 553 Could not create file".
class NodeError : public base::Error {
  public:
    NodeError(Failure failure, std::string node, const std::string& message, Refusal refusal = Refusal::none)
        : base::Error(base::ErrorClass::io, node + ": " + message),
          m_failure(failure),
          m_node(std::move(node)),
          m_refusal(refusal) {}
    [[nodiscard]] Failure failure() const { return m_failure; }
    [[nodiscard]] const std::string& node() const { return m_node; }
    [[nodiscard]] Refusal refusal() const { return m_refusal; }

  private:
    Failure m_failure;
    std::string m_node;
    Refusal m_refusal;
};

/// Where the bytes of a put come from. Whatever read() throws ends the transfer and comes out of put()
/// unchanged.
class Source {
  public:
    Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;
    [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
    /// Fills the front of @p into; 0 at the end.
    virtual std::size_t read(std::span<char> into) = 0;
    /// The next bytes, good until the next call; none at the end. A source that has them lying somewhere
    /// gives them from there, any other puts them into @p space.
    virtual std::span<const char> next(std::span<char> space) { return space.first(read(space)); }
    /// Back to the first byte: the transfer starts again.
    virtual void rewind() = 0;
};

/// Where the bytes of a get go. Whatever write() throws ends the transfer and comes out of get() unchanged.
class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;
    virtual void write(std::span<const char> bytes) = 0;
    /// Where the bytes of the next write() are best put: @p space, or the sink's own memory. Never empty.
    /// What it throws ends the transfer as well.
    virtual std::span<char> room(std::span<char> space) { return space; }
};

enum class Removal { removed, was_absent };

/// A regular file that a node holds, whoever put it there.
struct ListedFile {
    std::string name; ///< raw, relative to the node's root; it may be one that the other calls refuse
    std::optional<std::uint64_t> size_bytes; ///< nullopt: the node does not tell
    std::optional<base::Timestamp> mtime;    ///< the node's own time of it; nullopt: it does not tell
};

using ListVisitor = std::function<void(const ListedFile&)>;

/// What a list costs: a server may tell times only file by file, a round trip each.
enum class Times {
    as_listed, ///< what comes with the list itself
    exact      ///< of every file that the node can tell it of
};

/// One put or remove in a stream of them.
struct Request {
    enum class Kind { put, remove };
    Kind kind = Kind::put;
    std::string name;
    Source* source = nullptr; ///< of a put; read by the session's thread only

    // How it ended:
    std::exception_ptr error{}; ///< what put() or remove() would have thrown; null: it went through
    Removal removal = Removal::removed;
};

/// Where a session gets a stream of requests from. Everything is called in the thread of Session::run().
class Feed {
  public:
    Feed() = default;
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;
    virtual ~Feed() = default;
    /// The next request, which stays where it is until it ended; nullptr: none now. Never waits long: others
    /// may be on their way meanwhile. Must not throw.
    virtual Request* next() = 0;
    /// The request ended, in whatever order. Must not throw, nor use the session.
    virtual void ended(Request& request) = 0;
};

/// Asked about once a second while a session waits for its node; true: break off, by throwing Interrupted.
using Interrupt = std::function<bool()>;
struct Interrupted {};

/// A connection to one node, used by one thread at a time. Connects when first needed, and again when the
/// connection was lost between two files. Names are paths below the node's root, of [A-Za-z0-9._/-] in
/// nodespool's own use; one that is absolute, has an empty, `.` or `..` component or a control byte is
/// refused as `permanent` before anything is sent. Every call throws NodeError, and base::Error where the
/// cluster server itself is at fault.
class Session {
  public:
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    /// Stores the source as @p name, making directories as needed, and verifies that the node now reports
    /// exactly source.size_bytes(). When it returns, the node has acknowledged the file (a `file:` node has
    /// it on disk). When it throws, the node may hold a part of it under that name: the caller settles that.
    virtual void put(const std::string& name, Source& source) = 0;
    /// Streams the file into @p sink; temporary when it breaks off, permanent when it is not there.
    virtual void get(const std::string& name, Sink& sink) = 0;
    /// Deletes the file. `was_absent` only when the node says so for certain, not on a mere refusal of the
    /// deletion.
    virtual Removal remove(const std::string& name) = 0;
    /// Size in bytes; nullopt only when the node says for certain that there is no such file.
    virtual std::optional<std::uint64_t> size(const std::string& name) = 0;

    /// Works off what @p feed gives, as many at a time as the protocol and this server allow; returns when
    /// all of them ended and the feed has no more. Each ends as put() or remove() would end it; where the
    /// connection breaks, all that are on their way fail. What the feed gives afterwards goes over a new one.
    virtual void run(Feed& feed);

    /// Calls @p visit for every regular file below the node's root, in no particular order, as the list
    /// comes in: memory does not grow with it. Files that come or go meanwhile may be in it or not. When it
    /// returns, the list was complete; where it may not have been (it broke off, a directory could not be
    /// read or went away, the server cut it short), it throws NodeError, after perhaps many files. What
    /// @p visit throws comes out unchanged; @p visit must not use the session.
    virtual void list(const ListVisitor& visit, Times times = Times::as_listed) = 0;
    /// What the node says it can do, a line each, for people: an FTP server's FEAT lines, a directory's file
    /// system and space. Empty where it says nothing.
    virtual std::vector<std::string> features() = 0;
};

/// Does one session have so many such requests under way that, on a fast link, more sessions gain nothing?
/// Otherwise they go one after another, and as many sessions do as much more.
[[nodiscard]] bool takes_many_at_once(const NodeConfig& config, Request::Kind kind);

/// Opens nothing yet: the first call on the session connects.
std::unique_ptr<Session> make_session(const NodeConfig& config, Interrupt interrupt = {});

} // namespace nodespool::node
