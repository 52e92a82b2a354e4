// Makes and clears away the directories that the cases work in.
#include "node_under_test.hpp"

#include "base/file_system.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace nodespool::node::test {

namespace {

/// Empty where it is not set.
std::string environment(const std::string& variable) {
    const char* value = std::getenv(variable.c_str());
    return value == nullptr ? "" : value;
}

std::string needed(const std::string& variable) {
    std::string value = environment(variable);
    if (value.empty())
        throw std::runtime_error(variable + " is not set: run the suite under tests/servers/with-servers");
    return value;
}

} // namespace

std::string pattern(std::size_t size_bytes) {
    std::string bytes(size_bytes, '\0');
    std::uint64_t state = size_bytes + 1;
    for (char& byte : bytes) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        byte = static_cast<char>(state >> 56U);
    }
    return bytes;
}

std::size_t MemorySource::read(std::span<char> into) {
    const std::size_t count = std::min(into.size(), m_bytes.size() - m_position);
    std::copy_n(m_bytes.data() + m_position, count, into.data());
    m_position += count;
    return count;
}

std::size_t ThrowingSource::read(std::span<char> into) {
    if (m_given >= m_good)
        throw Thrown{42};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), m_good - m_given));
    std::fill_n(into.data(), count, 'x');
    m_given += count;
    return count;
}

NodeUnderTest::NodeUnderTest() : m_prefix("case-" + std::to_string(base::random_64_bits())) {
    m_config.connect_timeout = std::chrono::seconds(5);
    m_config.stall_timeout = std::chrono::seconds(10);
}

NodeUnderTest::~NodeUnderTest() {
    std::error_code ignored;
    std::filesystem::remove_all(m_root / m_prefix, ignored);
}

std::string NodeUnderTest::bytes_of(const std::string& remote_name) const {
    std::ifstream file(local(remote_name), std::ios::binary);
    if (!file)
        throw std::runtime_error("no file " + local(remote_name).string());
    std::string bytes(std::filesystem::file_size(local(remote_name)), '\0');
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
        throw std::runtime_error("cannot read " + local(remote_name).string());
    return bytes;
}

FileNode::FileNode() {
    m_root = std::filesystem::temp_directory_path() / ("nodespool-" + m_prefix);
    std::filesystem::create_directory(m_root);
    m_config.name = "disk";
    parse_node_url("file://" + m_root.string(), m_config);
}

FileNode::~FileNode() {
    std::error_code ignored;
    std::filesystem::remove_all(m_root, ignored);
}

RunningServer::RunningServer(const std::string& server) {
    const std::string variable = "NODESPOOL_TEST_" + server;
    m_config.name = "server";
    parse_node_url(needed(variable + "_URL"), m_config);
    m_password = m_config.password;
    m_root = needed(variable + "_ROOT");
    m_config.ca_file = environment(variable + "_CA");
    if (!m_config.ca_file.empty() && m_config.url.starts_with("ftp:"))
        m_config.tls = Tls::required;
    if (m_config.url.starts_with("sftp:")) {
        m_config.known_hosts_file = needed(variable + "_KNOWN_HOSTS");
        m_config.identity_file = needed(variable + "_KEY");
        m_config.ssh_config_file = "/dev/null";
        m_config.password.clear();
    }
}

} // namespace nodespool::node::test
