// An upload on its way to a node: the local file as a source of bytes, digested while it is read.
#pragma once

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/stop_signal.hpp"
#include "node/session.hpp"
#include "processor/digest_beside.hpp"
#include "processor/errand.hpp"
#include "processor/rate_limit.hpp"

#include <functional>
#include <memory>
#include <string>

namespace nodespool::processor {

/// A second stop signal: the transfer is broken off.
using node::Interrupted;

/// Reads one open file from its start; throws FileChanged where it ends before its size, Interrupted,
/// base::SystemError. What next() gives of a file of more than 1 MiB with sha256 is digested in a thread of
/// its own, while it is sent; any other when it is read.
class UploadSource final : public node::Source {
  public:
    UploadSource(int fd, std::uint64_t size_bytes, std::string path_for_errors, base::ChecksumKind checksum,
                 RateLimit& limit, const std::function<base::Stop()>& stop);

    [[nodiscard]] std::uint64_t size_bytes() const override { return m_size; }
    std::size_t read(std::span<char> into) override;
    std::span<const char> next(std::span<char> space) override;
    void rewind() override;

    /// Has anybody asked for bytes? Only then can anything of the file be on a node.
    [[nodiscard]] bool has_begun() const { return m_has_begun; }
    /// Of everything read; after the last byte.
    [[nodiscard]] std::string checksum();

  private:
    /// How many of @p wanted bytes may be given now; 0 at the end.
    std::size_t portion(std::size_t wanted);
    std::size_t read_file(std::span<char> into);
    void wait_for_digest();

    int m_fd;
    std::uint64_t m_size;
    std::string m_path;
    base::ChecksumKind m_kind;
    RateLimit* m_limit;
    const std::function<base::Stop()>* m_stop;
    std::uint64_t m_offset = 0;
    bool m_has_begun = false;
    base::Digest m_digest;
    std::unique_ptr<DigestBeside> m_beside; ///< after m_digest, which its thread uses
};

} // namespace nodespool::processor
