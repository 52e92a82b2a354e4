// Ownership of a file descriptor.
#pragma once

#include <utility>

namespace nodespool::base {

/// Owns one file descriptor and closes it. Every descriptor that nodespool opens is O_CLOEXEC.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : m_fd(fd) {}
    Fd(Fd&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const { return m_fd; }
    [[nodiscard]] bool is_open() const { return m_fd >= 0; }
    void reset();
    /// Gives the descriptor away: the caller closes it.
    [[nodiscard]] int release() { return std::exchange(m_fd, -1); }

  private:
    int m_fd = -1;
};

} // namespace nodespool::base
