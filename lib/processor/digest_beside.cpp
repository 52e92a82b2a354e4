// The ring of blocks.
#include "processor/digest_beside.hpp"

#include "base/error.hpp"
#include "base/thread.hpp"

#include <atomic>

namespace nodespool::processor {

namespace {

constexpr int k_most = 8;
std::atomic<int> digesters{0};

} // namespace

std::unique_ptr<DigestBeside> DigestBeside::start(base::Digest& digest) {
    try {
        std::unique_ptr<DigestBeside> beside(new DigestBeside(digest));
        if (digesters > k_most)
            return nullptr;
        beside->m_thread = base::start_thread([raw = beside.get()] { raw->run(); });
        return beside;
    } catch (const base::SystemError&) {
        return nullptr;
    }
}

DigestBeside::DigestBeside(base::Digest& digest) : m_digest(digest) {
    ++digesters;
}

DigestBeside::~DigestBeside() {
    if (m_thread.joinable()) {
        {
            const std::scoped_lock lock(m_mutex);
            m_is_closing = true;
        }
        m_changed.notify_all();
        m_thread.join();
    }
    --digesters;
}

void DigestBeside::run() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [this] { return m_is_closing || m_digested < m_filled; });
        if (m_is_closing)
            return;
        const Block& block = m_ring.at(m_digested % k_blocks);
        lock.unlock();
        std::exception_ptr error;
        try {
            m_digest.update(std::span(block.bytes).first(block.filled));
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        ++m_digested;
        if (error)
            m_error = error;
        m_changed.notify_all();
    }
}

void DigestBeside::rethrow() const {
    if (m_error)
        std::rethrow_exception(m_error);
}

std::span<char> DigestBeside::block() {
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_filled - m_digested < k_blocks; });
        rethrow();
    }
    Block& block = m_ring.at(m_filled % k_blocks);
    block.bytes.resize(k_block_bytes);
    return block.bytes;
}

void DigestBeside::filled(std::size_t bytes) {
    {
        const std::scoped_lock lock(m_mutex);
        m_ring.at(m_filled % k_blocks).filled = bytes;
        ++m_filled;
    }
    m_changed.notify_all();
}

void DigestBeside::wait() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_digested == m_filled; });
    rethrow();
}

} // namespace nodespool::processor
