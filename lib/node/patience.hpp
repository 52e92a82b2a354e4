// How long a session waits for its node, and that it can be interrupted meanwhile.
#pragma once

#include "base/clock.hpp"
#include "base/socket.hpp"
#include "node/session.hpp"

#include <chrono>
#include <span>
#include <utility>

namespace nodespool::node {

class Patience {
  public:
    /// @param stall  without a byte for so long, a connection has stalled
    Patience(Interrupt interrupt, std::chrono::seconds stall)
        : m_interrupt(std::move(interrupt)),
          m_stall(stall) {}

    /// @throws Interrupted
    void ask() const {
        if (m_interrupt && m_interrupt())
            throw Interrupted{};
    }
    [[nodiscard]] static base::MonotonicTime now() { return base::system_clock().monotonic(); }
    [[nodiscard]] base::MonotonicTime stalls_at() const { return now() + m_stall; }
    [[nodiscard]] std::chrono::seconds stall() const { return m_stall; }

    /// false: none of them was ready before @p deadline.
    /// @throws Interrupted
    bool wait(std::span<base::Awaited> sockets, base::MonotonicTime deadline) const;

  private:
    Interrupt m_interrupt;
    std::chrono::seconds m_stall;
};

} // namespace nodespool::node
