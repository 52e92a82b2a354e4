// Silence, rates, and what a login is worth.
#include "processor/connection_growth.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

/// A rate that rose by so much rose because of the connections that came.
constexpr double k_helped = 1.3;
/// No login is so fast that it costs less.
constexpr milliseconds k_least_login{20};

} // namespace

base::MonotonicTime ConnectionGrowth::next_look() const {
    return m_worth < m_most ? m_next_look : base::MonotonicTime::max();
}

void ConnectionGrowth::begin(base::MonotonicTime now) {
    m_rate_before = 0;
    m_decided = now;
    measure_from(now);
    if (m_login == Duration{})
        m_next_look = now + k_silence;
}

void ConnectionGrowth::logged_in(Duration took, base::MonotonicTime now) {
    took = std::max<Duration>(took, k_least_login);
    m_login = m_login == Duration{} ? took : std::min(m_login, took);
    measure_from(now);
}

bool ConnectionGrowth::look(std::size_t waiting, base::MonotonicTime now) {
    if (now < next_look())
        return false;
    if (waiting == 0) {
        measure_from(now); // the rate was that of the feeder
        return false;
    }
    return m_ended == 0 ? look_at_silence(now) : look_at_rate(waiting, now);
}

bool ConnectionGrowth::look_at_silence(base::MonotonicTime now) {
    if (now - m_since < k_silence) {
        m_next_look = std::min(now + measure(), m_since + k_silence);
        return false;
    }
    m_decided = now;
    m_next_look = now + k_next_silence;
    return grow(2);
}

bool ConnectionGrowth::look_at_rate(std::size_t waiting, base::MonotonicTime now) {
    const double rate = static_cast<double>(m_ended) / Seconds(now - m_since).count();
    const Seconds work(static_cast<double>(waiting) / rate);
    const bool has_helped = m_rate_before > 0 && rate >= k_helped * m_rate_before;
    const bool has_rested = now - m_decided >= k_rest;
    measure_from(now);
    if (m_rate_before > 0 && !has_helped && !has_rested)
        return false;
    const bool is_cheap = has_helped || has_rested;
    const Duration least = is_cheap ? 2 * m_login : std::min(10 * m_login, 2 * m_login + milliseconds{1500});
    if (work <= least)
        return false;
    m_rate_before = rate;
    m_decided = now;
    m_next_look = now + 2 * m_login + measure(); // unless the new ones are there before
    return grow(has_helped ? 4 : 2);
}

void ConnectionGrowth::measure_from(base::MonotonicTime now) {
    m_since = now;
    m_ended = 0;
    m_next_look = now + measure();
}

bool ConnectionGrowth::grow(unsigned times) {
    m_worth = m_worth > m_most / times ? m_most : m_worth * times;
    return true;
}

ConnectionGrowth::Duration ConnectionGrowth::measure() const {
    return std::clamp<Duration>(m_login, k_shortest_measure, k_longest_measure);
}

} // namespace nodespool::processor
