// Renames between the spool and what is held.
#include "queue/hold.hpp"

#include "base/error.hpp"
#include "queue/claimed_file.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cerrno>

namespace nodespool::queue {

std::vector<std::string> names_meant(const std::vector<std::string>& names, const std::string& pattern) {
    if (std::find(names.begin(), names.end(), pattern) != names.end())
        return {pattern};
    std::vector<std::string> meant;
    std::copy_if(names.begin(), names.end(), std::back_inserter(meant), [&](const std::string& name) {
        return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
    });
    return meant;
}

std::vector<std::string> FileMover::names() const {
    if (m_move == Move::release)
        return m_spool->held_files();
    return m_spool->queue_files({std::begin(k_keywords), std::end(k_keywords)});
}

Moved FileMover::move(const std::string& name) {
    const int from = m_move == Move::hold ? m_spool->fd() : m_spool->held_fd();
    const int to = m_move == Move::hold ? m_spool->held_fd() : m_spool->fd();
    const std::optional<base::FileStatus> status = base::status_at(from, name);
    if (!status || status->type != base::FileType::regular)
        return Moved::gone;
    // Where nobody works on it, nobody begins before it is moved.
    const std::shared_ptr<ClaimedFile> claimed =
        m_move == Move::hold ? ClaimedFile::claim(*m_spool, name) : nullptr;
    try {
        if (!base::rename_no_replace(from, name, to, name))
            return Moved::name_taken;
    } catch (const base::SystemError& error) {
        if (error.code() == ENOENT)
            return Moved::gone;
        throw;
    }
    m_any_moved = true;
    return m_move == Move::hold && !claimed ? Moved::done_while_in_use : Moved::done;
}

void FileMover::commit() {
    if (!m_any_moved)
        return;
    // The new names before the loss of the old ones.
    const std::string held = m_spool->path() + "/held";
    const bool is_hold = m_move == Move::hold;
    base::sync_directory(is_hold ? m_spool->held_fd() : m_spool->fd(), is_hold ? held : m_spool->path());
    base::sync_directory(is_hold ? m_spool->fd() : m_spool->held_fd(), is_hold ? m_spool->path() : held);
}

} // namespace nodespool::queue
