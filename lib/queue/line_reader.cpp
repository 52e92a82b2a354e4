// Lines by pread, in blocks.
#include "queue/line_reader.hpp"

#include "base/file_system.hpp"

#include <algorithm>

namespace nodespool::queue {

namespace {

/// Most queue files hold a line or two: the first block is small, each further one larger.
constexpr std::size_t k_first_block_bytes = 4096;
constexpr std::size_t k_block_bytes = 65536;

} // namespace

LineReader::LineReader(int fd, std::string path_for_errors, Input input)
    : m_fd(fd),
      m_path(std::move(path_for_errors)),
      m_input(input) {}

/// Appends a block to the buffer, after dropping what is behind us. @return false at the end of the file.
bool LineReader::fill() {
    m_buffer.erase(0, m_used);
    m_used = 0;
    const std::size_t kept = m_buffer.size();
    const std::size_t block = std::clamp<std::size_t>(m_offset + kept, k_first_block_bytes, k_block_bytes);
    m_buffer.resize(kept + block);
    char* into = m_buffer.data() + kept;
    const std::size_t got = m_input == Input::file
                                ? base::read_some_at(m_fd, into, block, m_offset + kept, m_path)
                                : base::read_some(m_fd, into, block, m_path);
    m_buffer.resize(kept + got);
    return got > 0;
}

std::optional<RawLine> LineReader::next() {
    std::size_t searched = 0; // bytes after m_used without a newline
    for (;;) {
        const std::size_t newline = m_buffer.find('\n', m_used + searched);
        if (newline != std::string::npos) {
            const std::size_t length = newline - m_used;
            const std::string_view text =
                std::string_view(m_buffer).substr(m_used, std::min(length, k_max_line_bytes + 1));
            const RawLine line{m_offset, m_number++, text, length, true};
            m_used = newline + 1;
            m_offset += length + 1;
            return line;
        }
        searched = m_buffer.size() - m_used;
        if (searched > k_max_line_bytes)
            return measure_long_line();
        if (!fill())
            break;
    }
    if (searched == 0) {
        // A file that was read to its end may stay open for long, and thousands of them.
        std::string().swap(m_buffer);
        m_used = 0;
        return std::nullopt;
    }
    const RawLine line{m_offset, m_number++, std::string_view(m_buffer).substr(m_used, searched), searched,
                       false};
    m_used += searched;
    m_offset += searched;
    return line;
}

/// Walks to the end of a line that is longer than any job may be, keeping only its start.
RawLine LineReader::measure_long_line() {
    m_long_start = m_buffer.substr(m_used, k_max_line_bytes + 1);
    RawLine line{m_offset, m_number++, m_long_start, 0, false};
    std::size_t newline = std::string::npos;
    do {
        newline = m_buffer.find('\n', m_used);
        const std::size_t end = newline == std::string::npos ? m_buffer.size() : newline;
        line.length += end - m_used;
        m_offset += end - m_used;
        m_used = end;
    } while (newline == std::string::npos && fill());
    if (newline != std::string::npos) {
        line.terminated = true;
        ++m_used;
        ++m_offset;
    }
    return line;
}

} // namespace nodespool::queue
