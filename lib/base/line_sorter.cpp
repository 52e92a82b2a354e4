// In memory first, through sort(1) from there on.
#include "base/line_sorter.hpp"

#include "base/child_process.hpp"
#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/path_name.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nodespool::base {

namespace {

constexpr std::size_t k_block_bytes = 64UL * 1024;

std::vector<std::string> sort_command() {
    return {"sort", "--buffer-size=32M"};
}

} // namespace

LineSorter::LineSorter(std::size_t memory_bytes) : m_memory_bytes(memory_bytes) {}
LineSorter::LineSorter(LineSorter&&) noexcept = default;
LineSorter& LineSorter::operator=(LineSorter&&) noexcept = default;
LineSorter::~LineSorter() = default;

void LineSorter::add(std::string_view line) {
    if (m_state == State::failed)
        fail(m_failure);
    ensure(m_state == State::adding, "lines are added before they are sorted");
    ensure(line.find('\n') == std::string_view::npos, "a line that is sorted holds no newline");
    ++m_lines_to_come;
    if (m_child) {
        m_text.append(line) += '\n';
        if (m_text.size() >= k_block_bytes)
            send();
        return;
    }
    m_lines.push_back({m_text.size(), line.size()});
    m_text.append(line);
    if (m_text.size() + m_lines.size() * sizeof(Line) > m_memory_bytes)
        move_to_child();
}

void LineSorter::move_to_child() {
    m_child = std::make_unique<ChildProcess>(sort_command(), std::vector<std::string>{"LC_ALL=C"});
    const std::string text = std::exchange(m_text, {});
    const std::vector<Line> lines = std::exchange(m_lines, {});
    for (const Line& line : lines) {
        m_text.append(text, line.offset, line.length) += '\n';
        if (m_text.size() >= k_block_bytes)
            send();
    }
}

void LineSorter::send() {
    try {
        write_all(m_child->input(), m_text, "the pipe to sort");
    } catch (const SystemError& error) {
        if (error.code() != EPIPE)
            throw;
        fail("it ended early: " + m_child->wait().text());
    }
    m_text.clear();
}

void LineSorter::finish() {
    if (m_state == State::failed)
        fail(m_failure);
    ensure(m_state == State::adding, "lines are sorted once");
    if (m_child) {
        send();
        m_child->close_input();
    } else {
        std::sort(m_lines.begin(), m_lines.end(),
                  [this](const Line& one, const Line& other) { return text_of(one) < text_of(other); });
    }
    m_state = State::reading;
}

std::optional<std::string> LineSorter::next() {
    if (m_state == State::failed)
        fail(m_failure);
    ensure(m_state == State::reading, "lines are read after they are sorted");
    return m_child ? next_of_child() : next_of_memory();
}

std::optional<std::string> LineSorter::next_of_memory() {
    if (m_position == m_lines.size())
        return std::nullopt;
    return std::string(text_of(m_lines[m_position++]));
}

std::optional<std::string> LineSorter::next_of_child() {
    if (m_lines_to_come == 0 && m_child->output() < 0)
        return std::nullopt; // it was waited for
    for (;;) {
        const std::size_t end = m_text.find('\n', m_position);
        if (end != std::string::npos) {
            if (m_lines_to_come-- == 0)
                fail("it gave back more lines than it was given");
            const std::size_t begin = std::exchange(m_position, end + 1);
            return m_text.substr(begin, end - begin);
        }
        if (!receive())
            return std::nullopt;
    }
}

/// The next block; false after the last one, once it is certain that nothing is missing.
bool LineSorter::receive() {
    m_text.erase(0, std::exchange(m_position, 0));
    const std::size_t kept = m_text.size();
    m_text.resize(kept + k_block_bytes);
    const std::size_t got =
        read_some(m_child->output(), m_text.data() + kept, k_block_bytes, "the pipe from sort");
    m_text.resize(kept + got);
    if (got > 0)
        return true;
    const ChildEnd end = m_child->wait();
    if (!end.is_success())
        fail(end.text());
    if (m_lines_to_come > 0 || !m_text.empty())
        fail("it gave back fewer lines than it was given");
    return false;
}

void LineSorter::fail(const std::string& why) {
    if (m_state != State::failed) {
        m_state = State::failed;
        std::string complaint = m_child->complaint();
        while (complaint.ends_with('\n'))
            complaint.pop_back();
        m_failure = why + (complaint.empty() ? "" : ": " + complaint);
    }
    throw Error(ErrorClass::io, "cannot sort with sort(1): " + printable(m_failure));
}

} // namespace nodespool::base
