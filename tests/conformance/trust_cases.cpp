// Whom a session trusts, with what it logs in, and what it never sends to whom it does not trust.
#include "node_under_test.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

namespace nodespool::node::test {

TEST_CASE("an SFTP server takes a password as well as a key") {
    const SftpNode node;
    NodeConfig config = node.config();
    config.identity_file.clear();
    config.password = node.password();
    const auto session = make_session(config);
    MemorySource source("by password");
    session->put(node.name("file"), source);
    CHECK(node.bytes_of(node.name("file")) == "by password");
}

TEST_CASE("a server whose certificate or key is not known is down, and nothing goes to it") {
    const auto refused = [](const NodeUnderTest& node, const NodeConfig& config) {
        const auto session = make_session(config);
        MemorySource source("secret");
        const NodeError error = node_error_of([&] { session->put(node.name("file"), source); });
        CHECK(error.failure() == Failure::node_down);
        CHECK_FALSE(std::filesystem::exists(node.local(node.name("file"))));
        return std::string(error.what());
    };
    const auto without_authority = [&](const auto& node) {
        NodeConfig config = node.config();
        config.ca_file.clear();
        const std::string message = refused(node, config);
        CAPTURE(message);
        CHECK(message.find("certificate") != std::string::npos);
        config.tls_verify = TlsVerify::no;
        MemorySource source("by explicit word");
        make_session(config)->put(node.name("file"), source);
        CHECK(node.bytes_of(node.name("file")) == "by explicit word");
    };
    SUBCASE("explicit TLS") {
        without_authority(ServerNode<"FTP_TLS">());
    }
    SUBCASE("implicit TLS") {
        without_authority(ServerNode<"FTPS">());
    }
    SUBCASE("a certificate for another name") {
        const ServerNode<"MISNAMED"> node;
        const std::string message = refused(node, node.config());
        CAPTURE(message);
        CHECK(message.find("certificate") != std::string::npos);
    }
    SUBCASE("SFTP") {
        const SftpNode node;
        NodeConfig config = node.config();
        config.known_hosts_file = "/dev/null";
        const std::string message = refused(node, config);
        CAPTURE(message);
        CHECK(message.find("ost key") != std::string::npos);
    }
}

TEST_CASE("a node that must have TLS gets no password without it") {
    const FtpNode node;
    NodeConfig config = node.config();
    config.tls = Tls::required;
    const NodeError error =
        node_error_of([&] { static_cast<void>(make_session(config)->size(node.name("file"))); });
    CHECK(error.failure() == Failure::node_down);
    std::ifstream log(node.local("").parent_path().parent_path() / "vsftpd.log");
    const std::string text(std::istreambuf_iterator<char>(log), {});
    const std::size_t asked = text.rfind("\"AUTH TLS\"");
    REQUIRE(asked != std::string::npos);
    CHECK(text.find("\"PASS", asked) == std::string::npos);
    config.tls = Tls::if_offered;
    MemorySource source("in the clear");
    make_session(config)->put(node.name("file"), source);
    CHECK(node.bytes_of(node.name("file")) == "in the clear");
}

TEST_CASE_TEMPLATE("a connection is encrypted where the server offers it", Node, ServerNode<"FTP_TLS">,
                   ServerNode<"PURE_FTPD_TLS">, ServerNode<"PROFTPD_TLS">) {
    const Node node;
    NodeConfig config = node.config();
    config.tls = Tls::if_offered;
    MemorySource source("encrypted");
    make_session(config)->put(node.name("file"), source);
    CHECK(node.bytes_of(node.name("file")) == "encrypted");
    config.tls = Tls::no; // which these servers do not take
    const NodeError error =
        node_error_of([&] { static_cast<void>(make_session(config)->size(node.name("file"))); });
    CHECK(error.failure() != Failure::permanent); // of the node, not of the file: pure-ftpd says 421
}

} // namespace nodespool::node::test
