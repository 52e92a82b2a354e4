// Hiding, looking again, unlinking or putting back.
#include "processor/take_away.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace nodespool::processor {

namespace {

/// A free-looking name beside @p path, within what a directory entry may be long.
std::string name_beside(const std::string& path, const base::Clock& clock) {
    constexpr std::size_t k_longest = 255;
    const std::string suffix =
        fmt::format("~{}-{:08x}", base::format_stamp(clock.now()), base::random_64_bits() >> 32U);
    return std::string(base::name_of(path).substr(0, k_longest - suffix.size())) + suffix;
}

std::string in_directory(std::string_view directory, const std::string& name) {
    return directory.empty() ? name : std::string(directory) + "/" + name;
}

} // namespace

TakeAway::Hiding TakeAway::hide(const std::string& path, const base::FileStatus& version,
                                ParentDirectories& parents) const {
    const std::optional<int> parent = parents.of(path);
    if (!parent)
        return Hiding::not_there;
    const std::string name(base::name_of(path));
    const std::string hidden = hidden_name(path);
    const auto there = base::status_at(*parent, name);
    if (!there || !there->is_same_version(version))
        return Hiding::not_there;
    if (!base::rename_no_replace(*parent, name, *parent, hidden))
        return Hiding::name_is_taken;
    // A new upload may have taken the name between the look and the rename.
    const auto now = base::status_at(*parent, hidden);
    if (now && now->is_same_file(version))
        return Hiding::hidden;
    put_back(*parent, path);
    return Hiding::not_there;
}

TakeAway::Ending TakeAway::finish(const std::string& path, const std::optional<base::FileStatus>& version,
                                  ParentDirectories& parents) {
    const std::optional<int> parent = parents.of(path);
    const std::string hidden = hidden_name(path);
    if (!parent)
        return {};
    const base::BeneathResult opened = base::open_beneath(*parent, hidden, O_RDONLY | O_NOCTTY);
    if (!opened.fd.is_open()) {
        if (opened.why == base::NotOpened::not_allowed)
            throw base::SystemError("open " + hidden, EACCES);
        return {}; // another process finished it
    }
    const base::FileStatus there = base::status_of(opened.fd.get(), hidden);
    if (there.type != base::FileType::regular)
        return {};
    m_changed.emplace(base::parent_of(path));
    const bool is_as_stored = version && there.is_same_version(*version) &&
                              base::writers_of(opened.fd.get()) != base::Writers::some;
    if (is_as_stored || base::is_broken(base::Break::upload_not_looked_at_again)) {
        base::unlink_at(*parent, hidden);
        return {};
    }
    return put_back(*parent, path);
}

TakeAway::Ending TakeAway::put_back(int parent, const std::string& path) const {
    const std::string hidden = hidden_name(path);
    const std::string name(base::name_of(path));
    const auto status = base::status_at(parent, hidden);
    if (!status)
        return {};
    if (base::is_broken(base::Break::put_back_over))
        base::unlink_at(parent, name);
    if (base::rename_no_replace(parent, hidden, parent, name))
        return {Ending::How::put_back, path, status};
    const std::string beside = name_beside(path, m_files->clock());
    if (!base::rename_no_replace(parent, hidden, parent, beside))
        throw base::SystemError("put " + hidden + " back as " + beside, EEXIST);
    const std::string new_path = in_directory(base::parent_of(path), beside);
    base::log(base::LogLevel::warning,
              {{"result", "kept-beside"},
               {"file", base::encode_name(path)},
               {"as", base::encode_name(new_path)},
               {"reason", "it was written to after it was stored, and its name is taken by a new upload"}});
    return {Ending::How::put_beside, new_path, status};
}

std::optional<base::FileStatus> TakeAway::leftover(const std::string& path) const {
    const std::string hidden = in_directory(base::parent_of(path), hidden_name(path));
    return m_files->look(hidden).status;
}

base::Fd TakeAway::open_leftover(const std::string& path) const {
    return m_files->open(in_directory(base::parent_of(path), hidden_name(path))).fd;
}

void TakeAway::sync() {
    for (const std::string& directory : m_changed)
        if (const auto fd = m_files->open_directory(directory))
            base::sync_directory(fd->get(), m_files->path() + "/" + directory);
    m_changed.clear();
}

} // namespace nodespool::processor
