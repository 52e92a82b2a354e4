// The ring.
#include "processor/read_ahead.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>

namespace nodespool::processor {

namespace {

constexpr int k_most = 8;
std::atomic<int> readers{0};

} // namespace

std::unique_ptr<ReadAhead> ReadAhead::start(Fill fill) {
    try {
        std::unique_ptr<ReadAhead> ahead(new ReadAhead(std::move(fill)));
        if (readers > k_most)
            return nullptr;
        ahead->m_thread = std::thread([raw = ahead.get()] { raw->run(); });
        return ahead;
    } catch (const std::system_error&) {
        return nullptr;
    }
}

ReadAhead::ReadAhead(Fill fill) : m_fill(std::move(fill)) {
    ++readers;
}

ReadAhead::~ReadAhead() {
    if (m_thread.joinable()) {
        {
            const std::scoped_lock lock(m_mutex);
            m_is_closing = true;
        }
        m_changed.notify_all();
        m_thread.join();
    }
    --readers;
}

void ReadAhead::run() {
    for (;;) {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_is_closing || m_filled - m_read < k_blocks; });
        if (m_is_closing)
            return;
        Block& block = m_ring.at(m_filled % k_blocks);
        lock.unlock();
        std::size_t filled = 0;
        std::exception_ptr error;
        try {
            block.bytes.resize(k_block_bytes);
            filled = m_fill(block.bytes);
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        block.filled = filled;
        m_filled += filled > 0 ? 1 : 0;
        m_is_over = filled == 0;
        m_error = error;
        lock.unlock();
        m_changed.notify_all();
        if (filled == 0)
            return;
    }
}

std::size_t ReadAhead::read(std::span<char> into) {
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_is_over || m_filled > m_read; });
        if (m_filled == m_read) {
            if (m_error)
                std::rethrow_exception(m_error);
            return 0;
        }
    }
    const Block& block = m_ring.at(m_read % k_blocks);
    const std::size_t size = std::min(into.size(), block.filled - m_offset);
    std::copy_n(block.bytes.begin() + static_cast<std::ptrdiff_t>(m_offset), size, into.begin());
    m_offset += size;
    if (m_offset == block.filled) {
        m_offset = 0;
        {
            const std::scoped_lock lock(m_mutex);
            ++m_read;
        }
        m_changed.notify_all();
    }
    return size;
}

} // namespace nodespool::processor
