// An upload on its way to a node: the local file as a source of bytes, digested while it is read.
#pragma once

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/stop_signal.hpp"
#include "node/session.hpp"
#include "processor/rate_limit.hpp"

#include <functional>
#include <string>

namespace nodespool::processor {

/// The file ended before its size: somebody cut it while it was read.
struct FileChanged {};
/// A second stop signal: the transfer is broken off.
using node::Interrupted;

/// Reads one open file from its start; throws FileChanged, Interrupted, base::SystemError.
class UploadSource final : public node::Source {
  public:
    UploadSource(int fd, std::uint64_t size_bytes, std::string path_for_errors, base::ChecksumKind checksum,
                 RateLimit& limit, const std::function<base::Stop()>& stop);

    [[nodiscard]] std::uint64_t size_bytes() const override { return m_size; }
    std::size_t read(std::span<char> into) override;
    void rewind() override;

    /// Has anybody asked for bytes? Only then can anything of the file be on a node.
    [[nodiscard]] bool has_begun() const { return m_has_begun; }
    /// Of everything read; after the last byte.
    [[nodiscard]] std::string checksum() { return m_digest.finish(); }

  private:
    int m_fd;
    std::uint64_t m_size;
    std::string m_path;
    base::Digest m_digest;
    RateLimit* m_limit;
    const std::function<base::Stop()>* m_stop;
    std::uint64_t m_offset = 0;
    bool m_has_begun = false;
};

} // namespace nodespool::processor
