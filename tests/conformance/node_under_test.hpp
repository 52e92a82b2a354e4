// The nodes that the conformance cases run on, and sources and sinks in memory.
#pragma once

#include "node/session.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace nodespool::node::test {

/// Bytes that differ from place to place, so that a lost or doubled block shows.
std::string pattern(std::size_t size_bytes);

class MemorySource : public Source {
  public:
    explicit MemorySource(std::string bytes) : m_bytes(std::move(bytes)), m_promised(m_bytes.size()) {}
    MemorySource(std::string bytes, std::uint64_t promised)
        : m_bytes(std::move(bytes)),
          m_promised(promised) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return m_promised; }
    std::size_t read(std::span<char> into) override;
    void rewind() override { m_position = 0; }

  private:
    std::string m_bytes;
    std::uint64_t m_promised;
    std::size_t m_position = 0;
};

/// What the sources and sinks below throw: of a type that lib/node cannot know.
struct Thrown {
    int number;
};

/// Promises @p promised bytes and throws once @p good of them are read.
class ThrowingSource : public Source {
  public:
    ThrowingSource(std::uint64_t promised, std::uint64_t good) : m_promised(promised), m_good(good) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return m_promised; }
    std::size_t read(std::span<char> into) override;
    void rewind() override { m_given = 0; }

  private:
    std::uint64_t m_promised;
    std::uint64_t m_good;
    std::uint64_t m_given = 0;
};

class MemorySink : public Sink {
  public:
    void write(std::span<const char> bytes) override { m_bytes.append(bytes.data(), bytes.size()); }
    [[nodiscard]] const std::string& bytes() const { return m_bytes; }

  private:
    std::string m_bytes;
};

class ThrowingSink : public Sink {
  public:
    void write(std::span<const char>) override { throw Thrown{7}; }
};

/// A directory of its own on a node: names made by name() lie in it.
class NodeUnderTest {
  public:
    NodeUnderTest(const NodeUnderTest&) = delete;
    NodeUnderTest& operator=(const NodeUnderTest&) = delete;

    [[nodiscard]] const NodeConfig& config() const { return m_config; }
    /// @p leaf in this test's directory, which nobody has made yet.
    [[nodiscard]] std::string name(const std::string& leaf) const { return m_prefix + "/" + leaf; }
    /// That directory itself.
    [[nodiscard]] const std::string& directory() const { return m_prefix; }
    /// Where the node keeps @p remote_name on this machine.
    [[nodiscard]] std::filesystem::path local(const std::string& remote_name) const {
        return m_root / remote_name;
    }
    [[nodiscard]] std::string bytes_of(const std::string& remote_name) const;

  protected:
    NodeUnderTest();
    ~NodeUnderTest();

    NodeConfig m_config;
    std::filesystem::path m_root;
    std::string m_prefix;
};

class FileNode : public NodeUnderTest {
  public:
    FileNode();
    ~FileNode();
};

/// A server that the environment names (tests/servers/with-servers). Where it names none, the case fails: a
/// suite that skips proves nothing.
class RunningServer : public NodeUnderTest {
  public:
    /// Where config() logs in by key, the password that would do as well.
    [[nodiscard]] const std::string& password() const { return m_password; }

  protected:
    /// @param server  as in the names of the environment's variables: NODESPOOL_TEST_SERVER_URL
    explicit RunningServer(const std::string& server);

  private:
    std::string m_password;
};

/// The name as a template's argument, so that a server is a type.
template <std::size_t Size>
struct ServerName {
    char text[Size]{};
    // NOLINTNEXTLINE(google-explicit-constructor): a literal becomes it
    constexpr ServerName(const char (&literal)[Size]) { std::copy_n(literal, Size, text); }
};

template <ServerName Name>
class ServerNode : public RunningServer {
  public:
    ServerNode() : RunningServer(Name.text) {}
};

using FtpNode = ServerNode<"FTP">;
using PureFtpdNode = ServerNode<"PURE_FTPD">;   ///< has MLSD, which the one before does not have
using ProftpdNode = ServerNode<"PROFTPD">;      ///< has MLSD too
using ShortFtpdNode = ServerNode<"SHORT_FTPD">; ///< cuts off lists after 10 entries
using SftpNode = ServerNode<"SFTP">;            ///< logged in by key

/// Every kind of node: `TEST_CASE_TEMPLATE` over them.
#define FOR_EVERY_NODE(sentence)                                                                             \
    TEST_CASE_TEMPLATE(sentence, Node, FileNode, FtpNode, ServerNode<"FTP_TLS">, ServerNode<"FTPS">,         \
                       PureFtpdNode, ServerNode<"PURE_FTPD_TLS">, ProftpdNode, ServerNode<"PROFTPD_TLS">,    \
                       SftpNode)

/// Runs @p call and returns the NodeError that it throws; fails the test where it throws none.
template <typename Call>
NodeError node_error_of(Call&& call) {
    std::optional<NodeError> caught;
    try {
        call();
    } catch (const NodeError& error) {
        caught = error;
    }
    if (!caught)
        throw std::runtime_error("expected a NodeError, found none");
    return *caught;
}

} // namespace nodespool::node::test
