// Blocks in memory and in a file without a name.
#include "base/record_stack.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace nodespool::base {

namespace {

constexpr std::string_view k_file_name = "a temporary file";

Fd open_nameless_file() {
    const char* variable = std::getenv("TMPDIR");
    const std::string directory = variable != nullptr && *variable != '\0' ? variable : "/tmp";
    const std::string name = directory + "/nodespool-" + std::to_string(random_64_bits());
    Fd fd = open_at(k_cwd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    unlink_at(k_cwd, name);
    return fd;
}

} // namespace

void RecordStack::push(std::string_view record) {
    if (!m_top.empty() && m_top.size() + record.size() > m_block_bytes)
        spill();
    const std::size_t length = record.size();
    m_top.append(record);
    m_top.append(reinterpret_cast<const char*>(&length), sizeof length);
}

std::optional<std::string> RecordStack::pop() {
    if (m_top.empty())
        refill();
    if (m_top.empty())
        return std::nullopt;
    std::size_t length = 0;
    const std::size_t end = m_top.size() - sizeof length;
    std::memcpy(&length, m_top.data() + end, sizeof length);
    std::string record = m_top.substr(end - length, length);
    m_top.resize(end - length);
    return record;
}

void RecordStack::spill() {
    if (!m_below.empty()) {
        if (!m_file.is_open())
            m_file = open_nameless_file();
        write_all_at(m_file.get(), m_below, m_file_bytes, k_file_name);
        m_spilled.push_back(m_below.size());
        m_file_bytes += m_below.size();
    }
    m_below = std::exchange(m_top, {});
}

void RecordStack::refill() {
    if (!m_below.empty()) {
        m_top = std::exchange(m_below, {});
        return;
    }
    if (m_spilled.empty())
        return;
    std::string block(m_spilled.back(), '\0');
    const std::uint64_t begin = m_file_bytes - block.size();
    for (std::size_t filled = 0; filled < block.size();) {
        const std::size_t got = read_some_at(m_file.get(), block.data() + filled, block.size() - filled,
                                             begin + filled, k_file_name);
        if (got == 0)
            throw Error(ErrorClass::io, "a temporary file lost its end");
        filled += got;
    }
    m_top = std::move(block);
    m_spilled.pop_back();
    m_file_bytes = begin;
}

} // namespace nodespool::base
