// Streams the lines of a queue file: memory does not grow with the file.
#pragma once

#include "queue/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodespool::queue {

struct RawLine {
    std::uint64_t offset = 0; ///< of its first byte in the file
    std::uint64_t number = 0; ///< from 1
    /// Without the newline; of an over-long line only the first k_max_line_bytes + 1 bytes. Valid until the
    /// next call.
    std::string_view text;
    std::uint64_t length = 0; ///< the whole line without its newline
    bool terminated = true;   ///< false: the file ends without a newline
};

/// A file is read at offsets of its own (pread), so that others may read the same descriptor; a stream as it
/// comes.
enum class Input { file, stream };

class LineReader {
  public:
    LineReader(int fd, std::string path_for_errors, Input input = Input::file);

    /// The next line; nullopt at the end of the file.
    std::optional<RawLine> next();

  private:
    bool fill();
    RawLine measure_long_line();

    int m_fd;
    std::string m_path;
    Input m_input;
    std::uint64_t m_offset = 0;
    std::uint64_t m_number = 1;
    std::string m_buffer;     ///< bytes of the file from m_offset - m_used on
    std::size_t m_used = 0;   ///< how many of them are behind us
    std::string m_long_start; ///< what is shown of an over-long line
};

} // namespace nodespool::queue
