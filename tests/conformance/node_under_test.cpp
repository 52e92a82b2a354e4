// Makes and clears away the directories that the cases work in.
#include "node_under_test.hpp"

#include "base/file_system.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace nodespool::node::test {

namespace {

std::string environment(const std::string& variable) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0')
        throw std::runtime_error(variable + " is not set: the suite needs a running FTP server");
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
    return {std::istreambuf_iterator<char>(file), {}};
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

FtpNode::FtpNode(const std::string& server) {
    m_config.name = "ftp";
    parse_node_url(environment("NODESPOOL_TEST_" + server + "_URL"), m_config);
    m_root = environment("NODESPOOL_TEST_" + server + "_ROOT");
}

} // namespace nodespool::node::test
