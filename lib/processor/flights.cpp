// Counting jobs in the air.
#include "processor/flights.hpp"

namespace nodespool::processor {

JobPtr Flights::begin(JobPtr job) {
    const std::scoped_lock lock(m_mutex);
    ++m_in_flight;
    if (job->record.path.empty()) // a line that could not be parsed
        return job;
    const auto [entry, is_first] = m_by_path.try_emplace(job->record.path);
    if (is_first)
        return job;
    entry->second.push_back(std::move(job));
    return nullptr;
}

void Flights::end(const Job& job) {
    const std::scoped_lock lock(m_mutex);
    --m_in_flight;
    if (const auto entry = m_by_path.find(job.record.path); entry != m_by_path.end()) {
        if (entry->second.empty()) {
            m_by_path.erase(entry);
        } else {
            m_again.push_back(std::move(entry->second.front()));
            entry->second.pop_front();
        }
    }
    m_changed.notify_one();
}

void Flights::look_again(JobPtr job) {
    const std::scoped_lock lock(m_mutex);
    ++job->looks;
    m_again.push_back(std::move(job));
    m_changed.notify_one();
}

void Flights::file_opened() {
    const std::scoped_lock lock(m_mutex);
    ++m_open_files;
}

void Flights::file_finished() {
    const std::scoped_lock lock(m_mutex);
    --m_open_files;
    m_changed.notify_one();
}

void Flights::nudge() {
    const std::scoped_lock lock(m_mutex);
    m_nudged = true;
    m_changed.notify_one();
}

JobPtr Flights::next_again() {
    const std::scoped_lock lock(m_mutex);
    if (m_again.empty())
        return nullptr;
    JobPtr job = std::move(m_again.front());
    m_again.pop_front();
    return job;
}

std::size_t Flights::in_flight() {
    const std::scoped_lock lock(m_mutex);
    return m_in_flight;
}

std::size_t Flights::open_files() {
    const std::scoped_lock lock(m_mutex);
    return m_open_files;
}

} // namespace nodespool::processor
