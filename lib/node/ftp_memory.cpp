// One record for each node of the process.
#include "node/ftp_memory.hpp"

#include <map>

namespace nodespool::node {

namespace {

// Files of a trial. A server that reads while it stores shows it with the first.
constexpr unsigned k_trial_files = 4;
// Failures of no certain cause, without as many successes between, that end the sending ahead.
constexpr unsigned k_most_doubts = 2;
constexpr unsigned k_successes_to_forgive = 1000;
// Exchanges with one command at a time, until commands are sent together again, and how many times as many
// when that fails again: each trial may cost a stall.
constexpr std::uint64_t k_first_one_at_a_time = 1000;
constexpr std::uint64_t k_longer_one_at_a_time = 10;
// Directories that turn out to be there, until they are no longer expected to be missing.
constexpr unsigned k_expected_missing = 8;
// More directories than nodespool makes on a node.
constexpr std::size_t k_most_directories = 20000;

} // namespace

std::shared_ptr<FtpMemory> FtpMemory::of(const std::string& key) {
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<FtpMemory>> all;
    const std::scoped_lock lock(mutex);
    std::shared_ptr<FtpMemory>& memory = all[key];
    if (!memory)
        memory = std::make_shared<FtpMemory>();
    return memory;
}

bool FtpMemory::lacks_epsv() const {
    const std::scoped_lock lock(m_mutex);
    return m_lacks_epsv;
}

void FtpMemory::note_lack_of_epsv() {
    const std::scoped_lock lock(m_mutex);
    m_lacks_epsv = !m_lacks_pasv;
}

bool FtpMemory::lacks_pasv() const {
    const std::scoped_lock lock(m_mutex);
    return m_lacks_pasv;
}

void FtpMemory::note_lack_of_pasv() {
    const std::scoped_lock lock(m_mutex);
    m_lacks_pasv = true;
    m_lacks_epsv = false;
}

bool FtpMemory::takes_one_at_a_time() const {
    const std::scoped_lock lock(m_mutex);
    return m_one_at_a_time_left > 0;
}

void FtpMemory::note_dropped_commands() {
    const std::scoped_lock lock(m_mutex);
    if (m_one_at_a_time_left > 0)
        return; // another session found out, too
    m_one_at_a_time_last =
        m_one_at_a_time_last == 0 ? k_first_one_at_a_time : m_one_at_a_time_last * k_longer_one_at_a_time;
    m_one_at_a_time_left = m_one_at_a_time_last;
}

void FtpMemory::note_use_of_one_at_a_time() {
    const std::scoped_lock lock(m_mutex);
    if (m_one_at_a_time_left > 0)
        --m_one_at_a_time_left;
}

bool FtpMemory::may_send_ahead(const void* session) {
    const std::scoped_lock lock(m_mutex);
    if (m_trial == Trial::untried) {
        m_trial = Trial::under_way;
        m_tried_by = session;
        m_successes = 0;
    }
    return m_trial == Trial::passed || (m_trial == Trial::under_way && m_tried_by == session);
}

void FtpMemory::note_ahead_went_well(const void* session) {
    const std::scoped_lock lock(m_mutex);
    ++m_successes;
    if (m_trial == Trial::under_way && m_tried_by == session && m_successes >= k_trial_files)
        m_trial = Trial::passed;
    if (m_successes >= k_successes_to_forgive)
        m_successes = m_doubts = 0;
}

void FtpMemory::note_ahead_failed() {
    const std::scoped_lock lock(m_mutex);
    m_trial = Trial::failed;
}

void FtpMemory::note_ahead_is_doubtful() {
    const std::scoped_lock lock(m_mutex);
    if (++m_doubts >= k_most_doubts)
        m_trial = Trial::failed;
}

bool FtpMemory::is_trying(const void* session) const {
    const std::scoped_lock lock(m_mutex);
    return m_trial == Trial::under_way && m_tried_by == session;
}

void FtpMemory::end_trial(const void* session) {
    const std::scoped_lock lock(m_mutex);
    if (m_trial == Trial::under_way && m_tried_by == session)
        m_trial = Trial::untried;
}

bool FtpMemory::should_make(const std::string& directory) const {
    const std::scoped_lock lock(m_mutex);
    return m_expected_missing > 0 && !m_directories.contains(directory);
}

void FtpMemory::note_directory(const std::string& directory) {
    const std::scoped_lock lock(m_mutex);
    if (m_directories.size() >= k_most_directories)
        m_directories.clear();
    m_directories.insert(directory);
}

void FtpMemory::note_missing_directory() {
    const std::scoped_lock lock(m_mutex);
    m_expected_missing = k_expected_missing;
}

void FtpMemory::note_needless_making() {
    const std::scoped_lock lock(m_mutex);
    if (m_expected_missing > 0)
        --m_expected_missing;
}

} // namespace nodespool::node
