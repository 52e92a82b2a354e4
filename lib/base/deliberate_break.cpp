// Which promise this process breaks, in test builds.
#include "base/deliberate_break.hpp"

#ifdef NODESPOOL_TEST_BREAKS

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace nodespool::base {

namespace {

constexpr const char* k_variable = "NODESPOOL_TEST_BREAK";

constexpr auto k_names = std::to_array<std::pair<std::string_view, Break>>({
    {"file_not_synced", Break::file_not_synced},
    {"link_directory_not_synced", Break::link_directory_not_synced},
    {"upload_not_synced", Break::upload_not_synced},
    {"removal_not_synced", Break::removal_not_synced},
    {"failed_sync_retried", Break::failed_sync_retried},
    {"ticked_before_commit", Break::ticked_before_commit},
    {"ticked_before_resubmission", Break::ticked_before_resubmission},
    {"tick_without_look", Break::tick_without_look},
    {"last_line_run_at_once", Break::last_line_run_at_once},
    {"queue_file_not_looked_at_again", Break::queue_file_not_looked_at_again},
    {"claimed_unlocked", Break::claimed_unlocked},
    {"links_unlocked", Break::links_unlocked},
    {"upload_not_looked_at_again", Break::upload_not_looked_at_again},
    {"put_back_over", Break::put_back_over},
    {"content_not_compared", Break::content_not_compared},
    {"committed_without_look", Break::committed_without_look},
    {"stale_job_run", Break::stale_job_run},
    {"released_too_early", Break::released_too_early},
    {"symlinks_followed", Break::symlinks_followed},
    {"writers_overlooked", Break::writers_overlooked},
    {"no_sending_log", Break::no_sending_log},
    {"size_not_verified", Break::size_not_verified},
    {"replaced_copies_forgotten", Break::replaced_copies_forgotten},
    {"own_copies_unknown", Break::own_copies_unknown},
    {"copies_not_counted", Break::copies_not_counted},
    {"removed_without_look", Break::removed_without_look},
    {"deletions_forgotten", Break::deletions_forgotten},
    {"drained_unseen", Break::drained_unseen},
});

std::optional<Break> chosen() {
    const char* const name = std::getenv(k_variable);
    if (name == nullptr || *name == '\0')
        return std::nullopt;
    const auto* const found =
        std::find_if(k_names.begin(), k_names.end(), [&](const auto& entry) { return entry.first == name; });
    if (found != k_names.end())
        return found->second;
    (void)std::fprintf(stderr,
                       "nodespool: %s: found '%s', expected a name of lib/base/deliberate_break.hpp\n",
                       k_variable, name);
    std::_Exit(64);
}

} // namespace

bool is_broken(Break what) {
    static const std::optional<Break> broken = chosen();
    return broken == what;
}

} // namespace nodespool::base

#endif
