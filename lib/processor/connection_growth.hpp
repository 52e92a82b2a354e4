// How many connections to a node are worth their login, where one of them carries many jobs at once.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>

namespace nodespool::processor {

/// Begins with one connection, and asks for more on evidence: while what waits would keep those that are open
/// busy for longer than a login is worth. On a fast link one connection then carries everything, and on a
/// long one, or with a slow server, there are soon as many as the configuration allows:
/// - two after 2 s in which nothing ended, and from then on twice as many each second;
/// - twice as many when the waiting jobs need, at the measured rate, ten logins (but no more than two and
///   1.5 s), four times as many as soon as that raised the rate and they still need two;
/// - where more did not raise the rate, nothing for 10 s; then twice as many again while there is work for
///   two logins: so long a queue pays for every login that the configuration allows.
///
/// It never goes back: a connection that is open costs nothing more. Not thread-safe: the scheduler guards
/// it.
class ConnectionGrowth {
  public:
    static constexpr std::chrono::seconds k_silence{2};
    static constexpr std::chrono::seconds k_next_silence{1};
    static constexpr std::chrono::seconds k_rest{10};
    static constexpr std::chrono::milliseconds k_shortest_measure{100};
    static constexpr std::chrono::milliseconds k_longest_measure{500};

    explicit ConnectionGrowth(unsigned most) : m_most(most) {}

    /// So many connections at once, from 1 on.
    [[nodiscard]] unsigned worth() const { return m_worth; }
    /// When to look() next; max: there is nothing to be found out.
    [[nodiscard]] base::MonotonicTime next_look() const;

    /// The first connection is taken, after a time without any.
    void begin(base::MonotonicTime now);
    /// The first job over a new connection ended, @p took after the connection was asked for.
    void logged_in(base::MonotonicTime::duration took, base::MonotonicTime now);
    void job_ended() { ++m_ended; }
    /// Does nothing before next_look(). @param waiting  jobs that wait for a connection
    /// @return true: more connections are worth it from now on
    bool look(std::size_t waiting, base::MonotonicTime now);

  private:
    using Duration = base::MonotonicTime::duration;

    bool look_at_silence(base::MonotonicTime now);
    bool look_at_rate(std::size_t waiting, base::MonotonicTime now);
    void measure_from(base::MonotonicTime now);
    bool grow(unsigned times);
    [[nodiscard]] Duration measure() const;

    unsigned m_most;
    unsigned m_worth = 1;
    Duration m_login{};            ///< the fastest; 0: none was seen yet
    base::MonotonicTime m_since;   ///< when the measurement began
    std::size_t m_ended = 0;       ///< jobs since then
    double m_rate_before = 0;      ///< jobs a second before it grew last; 0: that was not measured
    base::MonotonicTime m_decided; ///< when it grew last, or began
    base::MonotonicTime m_next_look;
};

} // namespace nodespool::processor
