// Promises that test builds can break on purpose: to show that tests notice (tests/crash/breaks).
#pragma once

namespace nodespool::base {

/// What goes wrong on purpose where the environment variable NODESPOOL_TEST_BREAK has its name.
enum class Break {
    file_not_synced,                ///< a new file gets its name before its bytes are on disk
    link_directory_not_synced,      ///< a link file counts as recorded before its name is on disk
    upload_not_synced,              ///< the hook queues an upload that is not on disk
    removal_not_synced,             ///< a job is ticked before the removal of its local file is on disk
    failed_sync_retried,            ///< a sync that failed is tried again, as if it could still write
    ticked_before_commit,           ///< a job is ticked before its effect is on disk
    ticked_before_resubmission,     ///< a job is ticked before the line that replaces it is on disk
    tick_without_look,              ///< a line is ticked that was edited meanwhile
    last_line_run_at_once,          ///< a last line without newline is run while somebody may still write it
    queue_file_not_looked_at_again, ///< a queue file is unlinked although lines were added
    claimed_unlocked,               ///< a queue file is claimed that another process has
    links_unlocked,                 ///< link files are replaced without their lock
    upload_not_looked_at_again,     ///< a hidden upload is unlinked although somebody wrote to it
    put_back_over,                  ///< a hidden upload goes back over one that came meanwhile
    content_not_compared,           ///< an upload counts as stored by its size and time alone
    committed_without_look,         ///< a copy is recorded of an upload that changed meanwhile
    stale_job_run,                  ///< a job is run for another version than it speaks of
    released_too_early,             ///< the local file goes at the first copy, whatever is configured
    symlinks_followed,              ///< paths of the file space may lead through symbolic links
    writers_overlooked,             ///< nobody is seen to write to a file
    no_sending_log,                 ///< bytes go to a node that no sending log knows of
    size_not_verified,              ///< a copy counts whatever size its node reports
    replaced_copies_forgotten,      ///< nobody removes the copies of the version before
    own_copies_unknown,             ///< replicate does not know the copy that its job made
    copies_not_counted,   ///< replicate makes as many copies as were asked for, however many there are
    removed_without_look, ///< a copy is removed that its link file records
    deletions_forgotten,  ///< what was deleted is forgotten before its remove jobs are on disk
    drained_unseen,       ///< drain drops a copy without having seen another
};

#ifdef NODESPOOL_TEST_BREAKS
/// Ends the process where the variable has another name.
[[nodiscard]] bool is_broken(Break what);
#else
/// Programs for use keep their promises: nothing of this is in them.
[[nodiscard]] constexpr bool is_broken(Break /*what*/) {
    return false;
}
#endif

} // namespace nodespool::base
