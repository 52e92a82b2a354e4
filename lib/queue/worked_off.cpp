// Retiring in groups.
#include "queue/worked_off.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <chrono>

namespace nodespool::queue {

namespace {

constexpr std::chrono::milliseconds k_look_again{100};
constexpr std::size_t k_files_at_once = 128; // each holds a descriptor

} // namespace

WorkedOff::~WorkedOff() {
    try {
        retire();
    } catch (const base::Error& error) {
        base::log(base::LogLevel::warning, error.what());
    }
}

void WorkedOff::add(std::shared_ptr<ClaimedFile> file) {
    if (file->left_last_line() || !file->set_aside())
        return;
    m_files.push_back(std::move(file));
    if (m_files.size() >= k_files_at_once)
        retire();
}

void WorkedOff::retire() {
    if (m_files.empty())
        return;
    const std::vector<std::shared_ptr<ClaimedFile>> files = std::exchange(m_files, {});
    m_spool->clock().sleep_for(k_look_again);
    for (const auto& file : files)
        file->retire();
}

} // namespace nodespool::queue
