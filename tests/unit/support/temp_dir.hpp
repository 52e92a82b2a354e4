// A directory of its own for each test, and files in it.
#pragma once

#include "base/timestamp.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace nodespool::test {

/// Made empty under $TMPDIR (else /tmp), removed with all it holds when the test ends.
class TempDir {
  public:
    TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir();

    /// Absolute and free of symbolic links.
    [[nodiscard]] const std::string& path() const { return m_path; }
    /// PATH/NAME
    [[nodiscard]] std::string operator/(std::string_view name) const {
        return m_path + "/" + std::string(name);
    }

  private:
    std::string m_path;
};

/// Writes the whole file; makes missing parent directories.
void write_file(const std::filesystem::path& path, std::string_view content);
/// The whole file; throws where it cannot be read.
std::string read_file(const std::filesystem::path& path);
/// As a client's MFMT or touch(1) does.
void set_mtime(const std::filesystem::path& path, base::Timestamp mtime);

} // namespace nodespool::test
