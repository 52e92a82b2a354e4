// Counting looks, and listing.
#include "processor/hidden_files.hpp"

#include "base/error.hpp"
#include "base/path_name.hpp"

namespace nodespool::processor {

namespace {

constexpr std::size_t k_first_listing = 32;
/// To list an entry costs that much less than a look.
constexpr std::size_t k_entries_a_look = 8;
constexpr std::size_t k_most_directories = 64;
constexpr std::size_t k_most_hidden = 1024;
/// On the usual file systems an entry takes about as much of its directory's size, so that a directory that
/// is too large need not be read to find that out.
constexpr std::uint64_t k_bytes_an_entry = 48;

} // namespace

bool HiddenFiles::may_have(const std::string& path, const std::shared_ptr<const void>& claim) {
    if (!claim)
        return true;
    if (m_claim.lock() != claim) {
        m_claim = claim;
        m_directories.clear();
    }
    const std::string_view parent = base::parent_of(path);
    auto found = m_directories.find(parent);
    if (found == m_directories.end()) {
        if (m_directories.size() >= k_most_directories)
            m_directories.clear();
        found = m_directories.emplace(parent, Directory{0, k_first_listing, false, {}}).first;
    }
    Directory& directory = found->second;
    if (!directory.is_listed && ++directory.looks >= directory.next_listing) {
        directory.next_listing *= 2;
        try_to_list(std::string(parent), directory);
    }
    if (!directory.is_listed)
        return true;
    return !directory.hidden.empty() && directory.hidden.contains(hidden_name(path));
}

void HiddenFiles::try_to_list(const std::string& path, Directory& directory) const {
    std::size_t entries_left = directory.looks * k_entries_a_look;
    std::set<std::string> hidden;
    try {
        const std::optional<base::Fd> fd = m_files->open_directory(path);
        if (!fd || base::status_of(fd->get(), path).size_bytes / k_bytes_an_entry > entries_left)
            return;
        base::for_each_entry(fd->get(), path, [&](const std::string& name) {
            if (entries_left == 0 || hidden.size() > k_most_hidden)
                return false;
            --entries_left;
            if (name.starts_with(k_hidden_prefix))
                hidden.insert(name);
            return true;
        });
    } catch (const base::SystemError&) {
        return; // each look will tell
    }
    if (entries_left == 0 || hidden.size() > k_most_hidden)
        return;
    directory.is_listed = true;
    directory.hidden = std::move(hidden);
}

} // namespace nodespool::processor
