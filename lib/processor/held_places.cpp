// Looks at the directories that a run holds.
#include "processor/held_places.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace nodespool::processor {

namespace {

/// A mere handle: this user may be allowed to search it and not to read it.
base::Fd held(const std::string& path) {
    auto fd = base::try_open_at(base::k_cwd, path, O_PATH | O_DIRECTORY);
    return fd ? std::move(*fd) : base::Fd();
}

} // namespace

HeldPlaces::HeldPlaces(const Cluster& cluster, const queue::Spool& spool, const Work& work)
    : m_of_others(spool.held_directories()) {
    add({cluster.root, cluster.root + "/.state"});
    std::vector<base::HeldDirectory> of_work = work.held_directories();
    std::ranges::move(of_work, std::back_inserter(m_of_others));
}

void HeldPlaces::add(const std::vector<std::string>& paths) {
    const std::scoped_lock lock(m_mutex);
    for (const std::string& path : paths)
        m_own.push_back({path, held(path)});
}

/// The root first: where it was replaced, so were all below it.
void HeldPlaces::ensure_in_place() {
    const std::scoped_lock lock(m_mutex);
    for (Own& own : m_own) {
        if (own.fd.is_open())
            base::ensure_in_place({own.fd.get(), own.path});
        else
            own.fd = held(own.path);
    }
    for (const base::HeldDirectory& other : m_of_others)
        base::ensure_in_place(other);
}

std::vector<std::string> HeldPlaces::paths() {
    const std::scoped_lock lock(m_mutex);
    std::vector<std::string> paths;
    for (const Own& own : m_own)
        if (own.fd.is_open())
            paths.push_back(own.path);
    for (const base::HeldDirectory& other : m_of_others)
        paths.push_back(other.path);
    return paths;
}

} // namespace nodespool::processor
