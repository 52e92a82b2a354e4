// Reading uploads.
#include "processor/upload_source.hpp"

#include "base/file_system.hpp"

#include <algorithm>

namespace nodespool::processor {

UploadSource::UploadSource(int fd, std::uint64_t size_bytes, std::string path_for_errors,
                           base::ChecksumKind checksum, RateLimit& limit,
                           const std::function<base::Stop()>& stop)
    : m_fd(fd),
      m_size(size_bytes),
      m_path(std::move(path_for_errors)),
      m_digest(checksum),
      m_limit(&limit),
      m_stop(&stop) {}

std::size_t UploadSource::read(std::span<char> into) {
    m_has_begun = true;
    if ((*m_stop)() == base::Stop::now)
        throw Interrupted{};
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), m_size - m_offset));
    if (wanted == 0)
        return 0;
    const std::size_t portion = m_limit->portion(wanted);
    m_limit->spend(portion);
    const std::size_t got = base::read_some_at(m_fd, into.data(), portion, m_offset, m_path);
    if (got == 0)
        throw FileChanged{};
    m_digest.update(into.first(got));
    m_offset += got;
    return got;
}

void UploadSource::rewind() {
    m_offset = 0;
    m_digest.restart();
}

} // namespace nodespool::processor
