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

std::size_t UploadSource::portion(std::size_t wanted) {
    if ((*m_stop)() == base::Stop::now)
        throw Interrupted{};
    m_has_begun = true;
    const auto left = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, m_size - m_offset));
    if (left == 0)
        return 0;
    const std::size_t portion = m_limit->portion(left);
    m_limit->spend(portion);
    return portion;
}

std::size_t UploadSource::read_file(std::span<char> into) {
    const std::size_t got = base::read_some_at(m_fd, into.data(), into.size(), m_offset, m_path);
    if (got == 0)
        throw FileChanged{};
    m_offset += got;
    return got;
}

std::size_t UploadSource::read(std::span<char> into) {
    const std::span<char> wanted = into.first(portion(into.size()));
    if (wanted.empty())
        return 0;
    const std::size_t got = read_file(wanted);
    wait_for_digest();
    m_digest.update(wanted.first(got));
    return got;
}

std::span<const char> UploadSource::next(std::span<char> space) {
    if (!m_has_begun && is_worth_a_thread(m_size, m_kind))
        m_beside = DigestBeside::start(m_digest);
    if (!m_beside)
        return space.first(read(space));
    const std::size_t size = portion(std::min(space.size(), DigestBeside::k_block_bytes));
    if (size == 0)
        return {};
    const std::span<char> block = m_beside->block();
    const std::size_t got = read_file(block.first(size));
    m_beside->filled(got);
    return block.first(got);
}

void UploadSource::wait_for_digest() {
    if (m_beside)
        m_beside->wait();
}

std::string UploadSource::checksum() {
    wait_for_digest();
    return m_digest.finish();
}

void UploadSource::rewind() {
    wait_for_digest();
    m_offset = 0;
    m_digest.restart();
}

} // namespace nodespool::processor
