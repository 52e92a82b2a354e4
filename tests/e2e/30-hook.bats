#!/usr/bin/env bats
# From the upload event to the job: what the hook believes, what it doesn't, and what --scan makes good.

load helpers
load lease

setup() {
    make_lab
    cluster_lines='quiet = 1'
}
teardown() { drop_lab; }

# --- the hook by hand ------------------------------------------------------------------------------------------------

@test "the hook takes several files, absolute or relative to the file space" {
    configure file
    for name in a b 'd/with blank'; do
        echo "$name" | land "$name"
    done
    upload_hook "$files/a" b "$files/d/with blank"
    exits 0
    jobs_are 1 "^upload a 0 2 $(mtime_of "$files/a")"
    jobs_are 1 "^upload b 0 2 $(mtime_of "$files/b")"
    jobs_are 1 "^upload d/with%20blank 0 13 $(mtime_of "$files/d/with blank")"
    store
    exits 0
    everything_is_stored
}

@test "the hook believes the file, not the event" {
    configure file
    echo hello | land file
    UPLOAD_SIZE=4711 UPLOAD_UID=1 UPLOAD_GID=1 UPLOAD_PERMS=644 UPLOAD_USER=x UPLOAD_GROUP=x UPLOAD_VUSER=x NODESPOOL_ROOT=$root \
        nodespool upload-hook "$files/file"
    jobs_are 1 "^upload file [0-9]+ 6 $(mtime_of "$files/file")"
    store
    exits 0
    everything_is_stored
}

@test "the hook makes no job of what is no cluster file" {
    configure file
    echo hidden | land .hidden
    echo own | land 'd/.nodespool-0123'
    mkdir "$files/directory"
    mkfifo "$files/fifo"
    ln -s /etc/passwd "$files/symlink"
    ln -s /etc "$files/way-out"
    for name in .hidden d/.nodespool-0123 directory fifo symlink way-out/passwd gone; do
        upload_hook "$files/$name"
        jobs_are 0
    done
    upload_hook /etc/passwd
    exits 64
    upload_hook "$files/../cluster/.cluster.conf"
    exits 64
    jobs_are 0
    upload_hook --scan
    exits 0
    jobs_are 0
}

@test "the root itself can be the file space" {
    files=$root
    configure file file
    echo hello | upload 'a file'
    echo hello | upload d/e/f
    upload_hook "$root/.cluster.conf"
    jobs_are 2
    store
    exits 0
    is_stored 'a file' d/e/f
    nodes_and_links_agree
    the_queue_is_empty
    upload_hook --scan
    exits 0
    jobs_are 0
}

# --- scan ------------------------------------------------------------------------------------------------------------

@test "scan queues every quiet file that is neither queued nor stored, and each only once" {
    configure file file
    echo queued | upload queued
    echo stored | upload stored
    store --only stored
    exits 0
    echo again | land stored
    for name in new 'd/e/new #2' $'new\nline' 'ünï' deferred; do
        echo "$name" | land "$name"
    done
    find "$files" -type f -exec touch -d '-1 hour' {} +
    # Their jobs must fit the files, whose times have just changed.
    rm "$root"/.queue/[0-9]*.q
    upload_hook "$files/queued"
    store_line deferred not-before=4000000000 >"$root/.queue/later.q"

    scan_until_jobs_are 7
    for name in queued stored new d/e/new%20#2 new%0Aline ünï; do
        jobs_are 1 "^upload $name "
    done
    upload_hook --scan
    exits 0
    jobs_are 7
    store
    exits 0
    queue retry
    store
    exits 0
    everything_is_stored_but_removals
    upload_hook --scan
    exits 0
    the_queue_is_empty
}

@test "a file that cannot be opened is told of, and everything else is queued" {
    configure file
    for name in a bad z d/e; do
        echo "$name" | land "$name"
    done
    is_quiet() { [ "$(stat -c %Z "$files/d/e")" -lt "$(($(date +%s) - 2))" ]; }
    wait_for 15 is_quiet
    # At its first look, and at its opening later.
    for when in 1 2; do
        rm -f "$root"/.queue/*.q
        through_bad_disk bad "$when" --scan
        exits 74
        logs 'cannot open bad: Input/output error'
        jobs_are 3
        jobs_are 0 '^upload bad '
    done
    # A whole directory.
    rm -f "$root"/.queue/*.q
    through_bad_disk d 1+ --scan
    exits 74
    logs 'cannot open d: Input/output error'
    jobs_are 3
    jobs_are 0 '^upload d/e '
    rm -f "$root"/.queue/*.q
    through_bad_disk bad 1+ "$files/a" "$files/bad" "$files/z"
    exits 74
    logs 'cannot open bad: Input/output error'
    jobs_are 2
    upload_hook --scan
    exits 0
    jobs_are 4
}

# upload-hook with a disk that fails at the WHENth opening of a name in the file space.
through_bad_disk() { # NAME WHEN ARG...
    run_logged strace -f -qq -o "$lab/calls" -P "$1" -e trace=openat2 -e "inject=openat2:error=EIO:when=$2" \
        "$bin/upload-hook" -C "$root" "${@:3}"
}

@test "a file under a write lease is being written: neither queued nor stored, and no error of the scan" {
    configure file
    echo leased | upload leased
    rm "$root"/.queue/*.q
    echo other | land other
    hold_lease "$files/leased"
    scan_until_jobs_are 1
    jobs_are 1 '^upload other '
    upload_hook --scan
    exits 0
    logs 'file=leased.*not quiet'
    upload_hook "$files/leased"
    exits 74
    logs 'leased: found a lease on it .*expected a finished upload'
    jobs_are 1
    store_line leased | queue add
    store
    exits 75
    logs 'file=leased.*still being written'
    is_stored other
    is_not_stored leased
    give_lease_back
    queue retry
    store
    exits 0
    everything_is_stored
}

@test "a hook that was killed is made good by scan" {
    need_servers
    configure ftp ftp
    start_upload_server
    # Killed before it did anything: the server's own call of the hook dies.
    printf '#!/bin/bash\necho "killed $1" >>%s\nkill -KILL $$\n' "$lab/hook.calls" >"$lab/hook"
    for i in {1..5}; do
        echo "$i" >"$lab/original/file $i"
    done
    mirror_up
    wait_for 20 hook_calls_are 5
    jobs_are 0
    store
    exits 0
    is_not_stored 'file 1' 'file 2' 'file 3' 'file 4' 'file 5'
    scan_until_jobs_are 5
    store
    exits 0
    everything_is_stored
}

@test "a hook that is killed at any moment leaves no half job, and scan makes the lost ones good" {
    configure file file
    for i in {01..40}; do
        echo "$i" | land "file$i"
        "$bin/upload-hook" -C "$root" "$files/file$i" 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 20 + 10))" # the random moment
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    scan_until_jobs_are 40
    store
    exits 0
    everything_is_stored
}

@test "a hook that finds the spool full fails, loses nothing, and is made good by scan" {
    configure file
    mkdir -m 2770 "$root/.queue"
    mount_tiny "$root/.queue" 64k
    echo first | upload first
    mkdir "$root/.queue/ballast"
    head -c 1M /dev/zero >"$root/.queue/ballast/file" || true
    echo second | land second
    upload_hook "$files/second"
    [[ $status = 7[34] ]]
    logs '[Nn]o space left'
    jobs_are 1 '^upload first '
    rm -r "$root/.queue/ballast"
    scan_until_jobs_are 2
    jobs_are 1 '^upload second '
    store
    exits 0
    everything_is_stored
}

@test "store loses nothing when the spool is full" {
    configure file
    mkdir -m 2770 "$root/.queue"
    mount_tiny "$root/.queue" 128k
    upload_many f 20
    mv "$lab/n1/root" "$lab/n1/away"
    mkdir "$root/.queue/ballast"
    head -c 1M /dev/zero >"$root/.queue/ballast/file" || true
    # The node is gone, so the jobs would have to be resubmitted; there is no room for that.
    store
    [ "$status" != 0 ]
    mv "$lab/n1/away" "$lab/n1/root"
    rm -r "$root/.queue/ballast"
    queue retry
    exits 0
    store
    exits 0
    everything_is_stored
}

@test "a hook whose cluster is away for a moment fails, and is made good by scan" {
    configure file
    echo hello | land file
    mv "$root" "$lab/away"
    upload_hook "$files/file"
    [ "$status" != 0 ]
    [ ! -e "$root" ]
    mv "$lab/away" "$root"
    scan_until_jobs_are 1
    store
    exits 0
    everything_is_stored
}

# --- uploads in progress ---------------------------------------------------------------------------------------------

part_has_arrived() { [ -n "$(find "$files" -type f -size +0)" ]; }

# Uploads slowly; meanwhile scan and store do their best, also with a job that says that the file is there.
upload_in_progress() { # [FLAG-OF-PURE-FTPD...]
    local curl part
    need_servers
    configure ftp ftp
    start_upload_server "$@"
    mkdir "$lab/original/d"
    head -c 400000 /dev/urandom >"$lab/original/d/slow"
    curl -sS --ftp-create-dirs --limit-rate 150k -T "$lab/original/d/slow" "${upload_url}d/slow" 3>&- &
    curl=$!
    wait_for 10 part_has_arrived
    part=$(find "$files" -type f -printf '%P')
    [ "$part" = d/slow ] || [ $# != 0 ] # a temporary name
    upload_hook "$files/$part"
    for _ in 1 2 3; do
        upload_hook --scan
        exits 0
        store_line "$part" | queue add
        store
        [[ $status = 0 || $status = 75 ]]
        [ -z "$(recorded_copies)" ]
        [ "$(size_of "$files/$part")" -lt 400000 ]
        [ "$(jobs_waiting | wc -l)" -lt 10 ]
    done
    kill -0 "$curl"
    wait "$curl"
    hooks_succeeded 1
    queue retry
    store
    exits 0
    everything_is_stored
    [ "$(list_paths)" = d/slow ]
}
list_paths() { "$bin/list" -C "$root" -r --json | jq -r .path; }

@test "an upload in progress is never stored half when the server writes to the final name" {
    upload_in_progress
}

@test "an upload in progress is never stored half when the server writes to a temporary name" {
    upload_in_progress -0
}

@test "a file that is being appended to on the cluster server waits until its writer is done" {
    configure file
    exec {writer}>>"$files/growing"
    echo one >&"$writer"
    upload_hook "$files/growing"
    store_line growing | queue add
    store
    [[ $status = 0 || $status = 75 ]]
    [ -e "$files/growing" ]
    [ -z "$(recorded_copies)" ]
    echo two >&"$writer"
    exec {writer}>&-
    printf 'one\ntwo\n' >"$lab/original/growing"
    upload_hook "$files/growing"
    exits 0
    queue retry
    store
    exits 0
    everything_is_stored
}

a_copy_has_begun() { [ -n "$(find "$lab"/n?/root -type f -size +0)" ]; }

@test "a file that is replaced while store sends it ends in its new version, and no other copy is left" {
    need_servers
    configure ftp ftp
    head -c 12M /dev/urandom | upload file
    start_store background --limit-rate 6M
    wait_for 10 a_copy_has_begun
    echo 'the new version' >"$lab/original/file"
    cp "$lab/original/file" "$files/.new"
    mv "$files/.new" "$files/file"
    upload_hook "$files/file"
    exits 0
    finish_store background "$pid"
    [[ $status = 0 || $status = 75 ]]
    queue retry
    store
    exits 0
    everything_is_stored
}

@test "a file that is written over in place while store sends it ends in its new version, and no other copy is left" {
    need_servers
    configure ftp ftp
    head -c 12M /dev/urandom | upload file
    start_store background --limit-rate 6M
    wait_for 10 a_copy_has_begun
    head -c 12M /dev/urandom >"$lab/original/file"
    cat "$lab/original/file" >"$files/file"
    upload_hook "$files/file"
    exits 0
    finish_store background "$pid"
    [[ $status = 0 || $status = 75 ]]
    queue retry
    store
    exits 0
    everything_is_stored
}

@test "an upload that was broken off and is done again ends whole on a node" {
    need_servers
    configure ftp ftp
    start_upload_server
    head -c 300000 /dev/urandom >"$lab/original/again"
    curl -sS --limit-rate 100k -T "$lab/original/again" "$upload_url" 3>&- &
    curl=$!
    wait_for 10 part_has_arrived
    kill -KILL "$curl"
    wait "$curl" || true
    hooks_succeeded 1
    curl -sS -T "$lab/original/again" "$upload_url"
    hooks_succeeded 2
    store
    exits 0
    everything_is_stored
    logs result=stale
}
