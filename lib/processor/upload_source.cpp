// Reading uploads.
#include "processor/upload_source.hpp"

#include "base/file_system.hpp"

#include <algorithm>

namespace nodespool::processor {

namespace {

/// A thread costs more than it gains on a smaller file, and with a checksum that costs next to nothing.
bool is_worth_a_thread(std::uint64_t size_bytes, base::ChecksumKind kind) {
    return size_bytes > (1U << 20U) && kind == base::ChecksumKind::sha256;
}

} // namespace

UploadSource::UploadSource(int fd, std::uint64_t size_bytes, std::string path_for_errors,
                           base::ChecksumKind checksum, RateLimit& limit,
                           const std::function<base::Stop()>& stop)
    : m_fd(fd),
      m_size(size_bytes),
      m_path(std::move(path_for_errors)),
      m_kind(checksum),
      m_limit(&limit),
      m_stop(&stop),
      m_digest(checksum) {}

std::size_t UploadSource::read(std::span<char> into) {
    if ((*m_stop)() == base::Stop::now)
        throw Interrupted{};
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), m_size - m_given));
    if (!m_has_begun && is_worth_a_thread(m_size, m_kind))
        m_ahead = ReadAhead::start([this](std::span<char> block) { return read_file(block); });
    m_has_begun = true;
    if (wanted == 0)
        return 0;
    const std::size_t portion = m_limit->portion(wanted);
    m_limit->spend(portion);
    const std::size_t got = m_ahead ? m_ahead->read(into.first(portion)) : read_file(into.first(portion));
    m_given += got;
    return got;
}

std::size_t UploadSource::read_file(std::span<char> into) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), m_size - m_offset));
    if (wanted == 0)
        return 0;
    const std::size_t got = base::read_some_at(m_fd, into.data(), wanted, m_offset, m_path);
    if (got == 0)
        throw FileChanged{};
    m_digest.update(into.first(got));
    m_offset += got;
    return got;
}

void UploadSource::rewind() {
    const bool was_ahead = m_ahead != nullptr;
    m_ahead.reset();
    m_given = 0;
    m_offset = 0;
    m_digest.restart();
    if (was_ahead)
        m_ahead = ReadAhead::start([this](std::span<char> block) { return read_file(block); });
}

} // namespace nodespool::processor
