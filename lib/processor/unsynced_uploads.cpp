// `.state/unsynced/`: one name for each.
#include "processor/unsynced_uploads.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nodespool::processor {

namespace {

constexpr mode_t k_mode = 0660;

std::string directory_of(const std::string& cluster_root) {
    return cluster_root + "/.state/unsynced";
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

} // namespace

std::optional<UnsyncedUploads::Unsynced> UnsyncedUploads::parse(const std::string& name) {
    std::vector<std::string_view> words;
    for (std::string_view rest = name; !rest.empty();) {
        const std::size_t end = std::min(rest.find('_'), rest.size());
        words.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    Unsynced upload;
    upload.name = name;
    if (words.size() != 4 || !read_number(words[0], upload.inode) ||
        !read_number(words[2], upload.size_bytes))
        return std::nullopt;
    const auto btime = base::parse_time(words[1]);
    const auto mtime = base::parse_time(words[3]);
    if (!btime || !mtime)
        return std::nullopt;
    upload.btime = btime->value;
    upload.mtime = mtime->value;
    return upload;
}

UnsyncedUploads::UnsyncedUploads(const std::string& cluster_root) : m_root(cluster_root) {
    const std::string directory = directory_of(cluster_root);
    const base::Fd fd = base::open_directory_if_there(directory);
    if (!fd.is_open()) // as nearly always
        return;
    base::for_each_entry(fd.get(), directory, [&](const std::string& name) {
        if (auto upload = parse(name))
            m_uploads.push_back(std::move(*upload));
        return true;
    });
}

bool UnsyncedUploads::contains(const base::FileStatus& status) const {
    return std::any_of(m_uploads.begin(), m_uploads.end(), [&](const Unsynced& upload) {
        return upload.is_of(status) && upload.size_bytes == status.size_bytes && status.mtime <= upload.mtime;
    });
}

void UnsyncedUploads::add(const std::string& path, const base::FileStatus& status) noexcept {
    try {
        const std::string name = fmt::format("{}_{}_{}_{}", status.inode, base::format_time(status.btime),
                                             status.size_bytes, base::format_time(status.mtime));
        m_uploads.push_back({name, status.inode, status.btime, status.size_bytes, status.mtime});
        base::make_shared_directory(m_root + "/.state");
        const std::string directory = directory_of(m_root);
        base::make_shared_directory(directory);
        const base::Fd fd = base::open_directory(directory);
        // Its name alone tells: not staged, so that it stands there even where this disk syncs nothing.
        const base::Fd file =
            base::open_at(fd.get(), name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, k_mode);
        base::write_all(file.get(), base::encode_name(path) + "\n", name);
        base::sync_file(file.get(), name);
        base::sync_directory(fd.get(), directory);
    } catch (const std::exception& error) {
        base::log(base::LogLevel::error,
                  "cannot note that " + base::printable(path) + " was not written to disk: " + error.what());
    }
}

void UnsyncedUploads::forget(const base::FileStatus& status) noexcept {
    try {
        std::erase_if(m_uploads, [&](const Unsynced& upload) {
            if (!upload.is_of(status))
                return false;
            base::unlink_at(base::k_cwd, directory_of(m_root) + "/" + upload.name);
            return true;
        });
    } catch (const std::exception& error) {
        base::log(base::LogLevel::warning, error.what());
    }
}

} // namespace nodespool::processor
