// Sorts any number of lines in bounded memory, by bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::base {

class ChildProcess;

/// Takes lines in any order and gives them back in byte order (as LC_ALL=C sorts), equal ones as often as
/// they came: add() for each, finish() once, then next() until it returns nullopt.
///
/// A few megabytes are sorted here. More goes through sort(1) in at most 32 MiB, which keeps its temporaries
/// in $TMPDIR or /tmp. A result is never shorter than what was added: where sort fails, add(), finish() or
/// next() throws base::Error (io), with what sort said about it. Destroyed early, it ends sort and its
/// temporaries.
///
///   base::LineSorter sorter;
///   for (...) sorter.add(line);
///   sorter.finish();
///   while (const std::optional<std::string> line = sorter.next()) ...
class LineSorter {
  public:
    static constexpr std::size_t k_memory_bytes = 4UL * 1024 * 1024;

    /// @param memory_bytes  how much is sorted without sort(1)
    explicit LineSorter(std::size_t memory_bytes = k_memory_bytes);
    LineSorter(LineSorter&&) noexcept;
    LineSorter& operator=(LineSorter&&) noexcept;
    LineSorter(const LineSorter&) = delete;
    LineSorter& operator=(const LineSorter&) = delete;
    ~LineSorter();

    /// @param line  any bytes but a newline; may be empty
    void add(std::string_view line);
    /// No add() after this.
    void finish();
    /// The next line in order; nullopt after the last one. Only after finish().
    std::optional<std::string> next();

  private:
    struct Line {
        std::size_t offset; ///< in m_text
        std::size_t length;
    };
    enum class State { adding, reading, failed };

    [[nodiscard]] std::string_view text_of(const Line& line) const {
        return std::string_view(m_text).substr(line.offset, line.length);
    }
    void move_to_child();
    void send();
    std::optional<std::string> next_of_memory();
    std::optional<std::string> next_of_child();
    bool receive();
    [[noreturn]] void fail(const std::string& why);

    std::size_t m_memory_bytes;
    State m_state = State::adding;
    std::string m_failure;
    /// Sorting here: the lines' bytes. Through sort: what is on its way to it, or has come from it.
    std::string m_text;
    std::vector<Line> m_lines;       ///< sorting here
    std::size_t m_position = 0;      ///< of the next line: in m_lines, or in m_text
    std::size_t m_lines_to_come = 0; ///< added and not given back yet
    std::unique_ptr<ChildProcess> m_child;
};

} // namespace nodespool::base
