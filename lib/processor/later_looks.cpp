// By path, and by time.
#include "processor/later_looks.hpp"

namespace nodespool::processor {

void LaterLooks::add(const std::string& path, base::MonotonicTime due) {
    if (const auto known = m_due.find(path); known != m_due.end()) {
        if (known->second <= due)
            return;
        forget(path);
    }
    m_due.emplace(path, due);
    m_in_order.emplace(due, path);
}

void LaterLooks::forget(const std::string& path) {
    const auto known = m_due.find(path);
    if (known == m_due.end())
        return;
    m_in_order.erase({known->second, path});
    m_due.erase(known);
}

std::optional<base::MonotonicTime> LaterLooks::next() const {
    if (m_in_order.empty())
        return std::nullopt;
    return m_in_order.begin()->first;
}

std::vector<std::string> LaterLooks::take_due(base::MonotonicTime now) {
    std::vector<std::string> due;
    while (!m_in_order.empty() && m_in_order.begin()->first <= now) {
        due.push_back(m_in_order.begin()->second);
        forget(due.back());
    }
    return due;
}

} // namespace nodespool::processor
