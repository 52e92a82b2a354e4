// Threads and sessions of the looks.
#include "upkeep/audit_looks.hpp"

#include "base/digest.hpp"
#include "base/log.hpp"
#include "base/thread.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

namespace nodespool::upkeep {

namespace {

constexpr std::size_t k_backlog = 64;
constexpr unsigned k_failures_in_a_row = 3;

class DigestSink final : public node::Sink {
  public:
    explicit DigestSink(base::ChecksumKind kind) : m_digest(kind) {}
    void write(std::span<const char> bytes) override { m_digest.update(bytes); }
    std::string finish() { return m_digest.finish(); }

  private:
    base::Digest m_digest;
};

} // namespace

/// One node: its backlog and its threads.
class NodeLooks::Lane {
  public:
    Lane(NodeLooks& owner, const node::NodeConfig& config) : m_owner(&owner), m_config(&config) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    ~Lane() {
        {
            const std::scoped_lock lock(m_mutex);
            m_closing = true;
        }
        m_work.notify_all();
        for (std::thread& thread : m_threads)
            thread.join();
    }

    void put(Look look, Failed failed) {
        std::unique_lock lock(m_mutex);
        m_room.wait(lock, [&] { return m_waiting.size() < k_backlog || m_given_up; });
        if (m_given_up) {
            lock.unlock();
            fail(failed, "the node is not asked any more");
            return;
        }
        if (m_threads.size() < std::max(1U, m_config->connections / 2) && m_waiting.size() >= m_idle)
            add_thread();
        m_waiting.push_back({std::move(look), std::move(failed)});
        lock.unlock();
        m_work.notify_one();
    }

    void wait() {
        std::unique_lock lock(m_mutex);
        m_room.wait(lock, [&] { return m_waiting.empty() && m_running == 0; });
    }

    [[nodiscard]] bool has_given_up() const {
        const std::scoped_lock lock(m_mutex);
        return m_given_up;
    }
    [[nodiscard]] std::uint64_t failures() const {
        const std::scoped_lock lock(m_mutex);
        return m_failures;
    }

  private:
    struct Asked {
        Look look;
        Failed failed;
    };

    /// Under the lock. Where no other can be started, those that run do it all.
    void add_thread() {
        try {
            m_threads.push_back(base::start_thread([this] { run(); }));
        } catch (const base::SystemError&) {
            if (m_threads.empty())
                throw;
        }
    }

    void run() {
        std::unique_ptr<node::Session> session;
        std::unique_lock lock(m_mutex);
        for (;;) {
            ++m_idle;
            m_work.wait(lock, [&] { return m_closing || !m_waiting.empty(); });
            --m_idle;
            if (m_closing)
                return;
            const Asked asked = std::move(m_waiting.front());
            m_waiting.pop_front();
            ++m_running;
            const bool given_up = m_given_up;
            lock.unlock();
            m_room.notify_all();
            if (given_up)
                fail(asked.failed, "the node is not asked any more");
            else if (!m_owner->is_broken())
                look(asked, session);
            lock.lock();
            --m_running;
            m_room.notify_all();
        }
    }

    void look(const Asked& asked, std::unique_ptr<node::Session>& session) {
        try {
            if (!session)
                session = node::make_session(*m_config);
            asked.look(*session);
            const std::scoped_lock lock(m_mutex);
            m_failures_in_a_row = 0;
        } catch (const node::NodeError& error) {
            base::log(base::LogLevel::error, error.what());
            count(error);
            fail(asked.failed, error.what());
        } catch (...) {
            m_owner->remember(std::current_exception());
        }
    }

    /// A name that the node refuses tells nothing of other names.
    void count(const node::NodeError& error) {
        const std::scoped_lock lock(m_mutex);
        if (error.failure() == node::Failure::permanent || m_given_up)
            return;
        ++m_failures_in_a_row;
        if (error.failure() != node::Failure::node_down && m_failures_in_a_row < k_failures_in_a_row)
            return;
        m_given_up = true;
        base::log(base::LogLevel::error, m_config->name + ": it is not asked any more in this run");
    }

    void fail(const Failed& failed, const std::string& reason) {
        {
            const std::scoped_lock lock(m_mutex);
            ++m_failures;
        }
        if (failed)
            failed(reason);
    }

    NodeLooks* m_owner;
    const node::NodeConfig* m_config;
    mutable std::mutex m_mutex;
    std::condition_variable m_work; ///< something waits, or the end
    std::condition_variable m_room; ///< something was taken, or has ended
    std::deque<Asked> m_waiting;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    std::size_t m_running = 0;
    unsigned m_failures_in_a_row = 0;
    std::uint64_t m_failures = 0;
    bool m_given_up = false;
    bool m_closing = false;
};

NodeLooks::NodeLooks(const std::vector<node::NodeConfig>& nodes) {
    for (const node::NodeConfig& config : nodes)
        m_lanes.emplace(config.name, std::make_unique<Lane>(*this, config));
}

NodeLooks::~NodeLooks() = default;

void NodeLooks::ask(const std::string& node, Look look, Failed failed) {
    if (is_broken())
        wait();
    const auto lane = m_lanes.find(node);
    if (lane != m_lanes.end())
        lane->second->put(std::move(look), std::move(failed));
    else if (failed)
        failed(node + " is not in the configuration");
}

void NodeLooks::wait() {
    for (const auto& [name, lane] : m_lanes)
        lane->wait();
    const std::scoped_lock lock(m_mutex);
    if (m_thrown)
        std::rethrow_exception(m_thrown);
}

bool NodeLooks::has_given_up(const std::string& node) const {
    const auto lane = m_lanes.find(node);
    return lane != m_lanes.end() && lane->second->has_given_up();
}

std::uint64_t NodeLooks::failures() const {
    std::uint64_t sum = 0;
    for (const auto& [name, lane] : m_lanes)
        sum += lane->failures();
    return sum;
}

void NodeLooks::remember(std::exception_ptr thrown) {
    const std::scoped_lock lock(m_mutex);
    if (!m_thrown)
        m_thrown = std::move(thrown);
}

bool NodeLooks::is_broken() const {
    const std::scoped_lock lock(m_mutex);
    return m_thrown != nullptr;
}

SeenCopy look_at_copy(node::Session& session, const std::string& name, const catalog::Link& link,
                      ReadBack read_back) {
    const std::optional<std::uint64_t> size = session.size(name);
    if (!size)
        return {SeenCopy::State::absent, 0, {}};
    if (*size != link.size_bytes)
        return {SeenCopy::State::wrong_size, *size, {}};
    const auto kind = base::kind_of_checksum(link.checksum);
    if (read_back == ReadBack::no || !kind || *kind == base::ChecksumKind::none)
        return {SeenCopy::State::sound, *size, {}};
    DigestSink sink(*kind);
    session.get(name, sink);
    std::string checksum = sink.finish();
    if (checksum == link.checksum)
        return {SeenCopy::State::sound, *size, {}};
    return {SeenCopy::State::wrong_content, *size, std::move(checksum)};
}

} // namespace nodespool::upkeep
