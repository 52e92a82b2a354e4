// Looking again at each queue file when its time has come.
#include "queue/worked_off.hpp"

#include "base/error.hpp"
#include "base/file_system.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace nodespool::queue {

namespace {

constexpr std::chrono::milliseconds k_look_again{100};

/// Half of what the process may open: its other half is for what it does meanwhile.
std::size_t share_of_descriptors() {
    constexpr std::size_t k_most = 4096; // their memory is bounded, too
    const std::size_t in_force = base::raise_open_file_limit(0);
    return std::clamp<std::size_t>(in_force / 2, 1, k_most);
}

/// nullptr also where this user may not read it: its own user's next run settles it.
std::shared_ptr<ClaimedFile> claim_if_readable(const Spool& spool, const std::string& entry) {
    try {
        return ClaimedFile::claim_set_aside(spool, entry);
    } catch (const base::CannotLock&) {
        throw;
    } catch (const base::SystemError& error) {
        base::log(base::LogLevel::warning, error.what());
        return nullptr;
    }
}

} // namespace

WorkedOff::WorkedOff(const Spool& spool, std::size_t most_waiting)
    : m_spool(&spool),
      m_most_waiting(most_waiting) {}

WorkedOff::WorkedOff(const Spool& spool) : WorkedOff(spool, share_of_descriptors()) {}

WorkedOff::~WorkedOff() {
    try {
        retire();
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, error.what());
    }
}

void WorkedOff::add(std::shared_ptr<ClaimedFile> file) {
    if (!file->left_last_line() && file->set_aside())
        add_set_aside(std::move(file));
}

void WorkedOff::add_set_aside(std::shared_ptr<ClaimedFile> file) {
    m_waiting.push_back({m_spool->clock().monotonic() + k_look_again, std::move(file)});
    if (m_waiting.size() >= m_most_waiting) {
        wait_for_oldest();
        retire_oldest();
    }
    retire_due();
}

void WorkedOff::retire() {
    while (!m_waiting.empty()) {
        wait_for_oldest();
        retire_oldest();
    }
}

void WorkedOff::retire_due() {
    while (!m_waiting.empty() && m_waiting.front().due <= m_spool->clock().monotonic())
        retire_oldest();
}

void WorkedOff::wait_for_oldest() {
    const auto left = m_waiting.front().due - m_spool->clock().monotonic();
    if (left > left.zero())
        m_spool->clock().sleep_for(std::chrono::ceil<std::chrono::milliseconds>(left));
}

void WorkedOff::retire_oldest() {
    const std::shared_ptr<ClaimedFile> file = std::move(m_waiting.front().file);
    m_waiting.pop_front();
    file->retire();
}

void settle_set_aside_files(const Spool& spool) {
    std::vector<std::string> entries;
    base::for_each_entry(spool.fd(), spool.path(), [&](const std::string& entry) {
        if (ClaimedFile::is_set_aside_name(entry))
            entries.push_back(entry);
        return true;
    });
    WorkedOff worked_off(spool);
    for (const std::string& entry : entries)
        if (std::shared_ptr<ClaimedFile> file = claim_if_readable(spool, entry))
            worked_off.add_set_aside(std::move(file));
    worked_off.retire();
}

} // namespace nodespool::queue
