// The loop: take, send, listen, hand back.
#include "node/sftp_stream.hpp"

#include "node/remote_name.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

/// Two round trips a file: enough to keep a server busy that is 100 ms away. The feed may give fewer.
constexpr std::size_t k_most_under_way = 512;
/// To begin a file takes time, in which the server can do something for those before it.
constexpr std::size_t k_begun_at_once = 32;
/// Where the server does not say how many files it has open at once.
constexpr std::size_t k_safe_under_way = 64;
/// Sent and not acknowledged, of all files together.
constexpr std::size_t k_window_bytes = 4 * 1024 * 1024;
/// Read from the sources before ssh takes it.
constexpr std::size_t k_most_unwritten_bytes = 256 * 1024;

} // namespace

std::size_t SftpStream::most_under_way() const {
    const std::uint64_t limit = m_work.connection.most_open();
    return limit == 0 ? k_safe_under_way
                      : static_cast<std::size_t>(std::min<std::uint64_t>(limit, k_most_under_way));
}

void SftpStream::run() {
    // The first one alone, until there is a connection: if there is none, only this one has to fail.
    while (Request* first = m_feed.next()) {
        admit(*first);
        if (m_tasks.empty())
            continue;
        try {
            const unsigned number = m_work.connection.number();
            m_work.connection.connect();
            if (m_work.connection.number() != number)
                m_work.directories.forget();
            m_tasks.front()->start();
            work_off();
        } catch (const SftpTrouble& trouble) {
            fail_all([&](const Request& request) { return error_of(trouble, m_work.node, request); });
        } catch (...) { // Interrupted, or this machine is at fault
            fail_all([&](const Request&) { return std::current_exception(); });
        }
    }
}

void SftpStream::work_off() {
    while (!m_tasks.empty()) {
        take_more();
        send_blocks();
        m_work.connection.pump();
        hand_back_done();
    }
}

void SftpStream::admit(Request& request) {
    const bool is_put = request.kind == Request::Kind::put;
    try {
        refuse_bad_name(m_work.node, is_put ? "put" : "remove", request.name);
        if (is_put)
            m_tasks.push_back(std::make_unique<SftpPut>(m_work, request));
        else
            m_tasks.push_back(std::make_unique<SftpRemoval>(m_work, request));
    } catch (...) { // what size_bytes() of a source throws, too
        request.error = std::current_exception();
        m_feed.ended(request);
    }
}

void SftpStream::take_more() {
    while (m_tasks.size() < most_under_way()) {
        Request* const request = m_feed.next();
        if (request == nullptr)
            return;
        const std::size_t count = m_tasks.size();
        admit(*request);
        if (m_tasks.size() > count)
            m_tasks.back()->start();
        if (m_tasks.size() % k_begun_at_once == 0)
            m_work.connection.push();
    }
}

void SftpStream::send_blocks() {
    std::deque<SftpPut*>& writers = m_work.writers;
    while (!writers.empty() && m_work.unacknowledged_bytes < k_window_bytes &&
           m_work.connection.unwritten_bytes() < k_most_unwritten_bytes) {
        SftpPut* const writer = writers.front();
        writers.pop_front();
        if (writer->write_block())
            writers.push_back(writer);
    }
}

void SftpStream::hand_back_done() {
    const auto is_under_way = [](const std::unique_ptr<SftpTask>& task) { return !task->is_done(); };
    const auto first_done = std::stable_partition(m_tasks.begin(), m_tasks.end(), is_under_way);
    for (auto task = first_done; task != m_tasks.end(); ++task)
        m_feed.ended((*task)->request());
    m_tasks.erase(first_done, m_tasks.end());
}

void SftpStream::fail_all(const std::function<std::exception_ptr(const Request&)>& error_of) {
    m_work.connection.reset();
    m_work.directories.forget();
    m_work.writers.clear();
    m_work.unacknowledged_bytes = 0;
    hand_back_done(); // what ended before the connection did
    for (const std::unique_ptr<SftpTask>& task : m_tasks)
        task->request().error = error_of(task->request());
    const auto ended = std::exchange(m_tasks, {});
    for (const std::unique_ptr<SftpTask>& task : ended)
        m_feed.ended(task->request());
}

} // namespace nodespool::node
