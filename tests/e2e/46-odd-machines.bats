#!/usr/bin/env bats
# Machines on which something is not as it should be: a disk that cannot be written to, files in the wrong places, a node of
# another kind, a working directory that is gone. What cannot be done is said, with an exit status of the manual page; nothing
# is lost; and the next run on a sound machine heals.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

# --- files in their right places -------------------------------------------------------------------------------------

# What PROGRAM says is one short line, and its exit status is 78: it did not wait for anybody.
is_refused() { # PATTERN PROGRAM [ARG...]
    run_logged timeout 20 "$bin/$2" "${@:3}" -C "$root"
    exits 78 && logs "$1" || return
    [[ $(wc -l <<<"$log") = 1 && ${#log} -lt 1000 ]] || fail "$2 says too much: $log" || return
    ! grep -aP '[^\x20-\x7e\n]' <<<"$log" || fail "$2 says it raw: $log"
}

# By every program that asks for the marks.
marks_are_refused() { # PATTERN
    local program
    for program in 'nodes list' 'nodes probe' 'nodes drain n1' 'nodes resume n1' store 'store -n' replicate 'replicate -n' \
        remove 'drain -n n1' 'drain n1' 'forget -n n1' 'forget n1'; do
        # shellcheck disable=SC2086  # words
        is_refused "^(nodespool-[a-z]+: )?$root/\.nodes$1" $program || return
    done
}

@test "a .nodes of garbage is refused by all programs, with file and line" {
    configure file file
    echo one | upload one
    for marks in '\xff\xfe\x00\x01:1: found .\\xFF' 'n1 draining\nn1 draining\n:2: found a second line' '\0:1: found' \
        'n1 \x1b[2J:1: found .\\x1B\[2J., expected draining' '# \xe4 comment\n-n1 draining\n:2: found .-n1.'; do
        # shellcheck disable=SC2059  # escapes
        printf "${marks%%:[0-9]*}" >"$root/.nodes"
        marks_are_refused ":${marks#*:}"
    done
    head -c 1048576 /dev/zero | tr '\0' % >"$root/.nodes"
    marks_are_refused ":1: found '%{64}'\.\.\., expected a node's name"
    echo x >>"$root/.nodes"
    marks_are_refused ': found 1048578 bytes, expected 1048576 at most'
    : >"$root/.nodes" # no marks
    store
    exits 0
    is_stored one
}

@test "what is in the place of .nodes and is no file is refused by all programs, and waits for nobody" {
    configure file file
    echo one | upload one
    mkfifo "$root/.nodes"
    marks_are_refused ': found a FIFO, socket or device, expected a regular file'
    rm "$root/.nodes"
    mkdir "$root/.nodes"
    marks_are_refused ': found a directory, expected a regular file'
    rmdir "$root/.nodes"
    ln -s nowhere "$root/.nodes"
    marks_are_refused ': found a symbolic link, expected a regular file'
    rm "$root/.nodes"
    store
    exits 0
    is_stored one
}

@test "what is in the place of the cluster's own directories is refused by all programs" {
    configure file file
    echo one | upload one
    store
    exits 0
    local directory program what
    for directory in .queue .links .deleted .state; do
        for what in file link; do
            [ ! -e "$root/$directory" ] || mv "$root/$directory" "$lab/away"
            case $what in
                file) echo content >"$root/$directory" ;;
                link) ln -s nowhere "$root/$directory" ;;
            esac
            for program in store replicate remove check list 'queue status' 'queue add' 'upload-hook --scan' 'nodes list' \
                'list-node n1' 'delete one' 'drain n1' 'forget n1' repair; do
                # shellcheck disable=SC2086  # words
                is_refused "$root/$directory" $program </dev/null
            done
            [[ $what != file || $(<"$root/$directory") = content ]]
            rm "$root/$directory"
            [ ! -e "$lab/away" ] || mv "$lab/away" "$root/$directory"
        done
    done
    mv "$root/.queue" "$lab/away"
    mkfifo "$root/.queue"
    is_refused "$root/.queue" store
    rm "$root/.queue"
    mv "$lab/away" "$root/.queue"
    check
    exits 0
    nothing_is_left_over
}

@test "a configuration that is a FIFO or a directory is refused by all programs" {
    configure file
    local program
    rm "$root/.cluster.conf"
    mkfifo "$root/.cluster.conf"
    for program in store replicate remove check list 'queue status' 'upload-hook --scan' 'nodes list' 'delete one'; do
        # shellcheck disable=SC2086  # words
        is_refused "$root/.cluster.conf is no regular file" $program
    done
    rm "$root/.cluster.conf"
    mkdir "$root/.cluster.conf"
    is_refused "$root/.cluster.conf is no regular file" store
}

@test "FIFOs and directories among the state are as good as lost, and hold up nobody" {
    configure file file
    echo one | upload one
    mkdir -p "$root/.state/health" "$root/.state/unsynced"
    chmod 2770 "$root/.state" "$root/.state/health"
    mkfifo "$root/.state/round-robin-store" "$root/.state/sending-x-1-2.log" "$root/.state/health/n1" "$root/.state/unsynced/1_1_1_1"
    mkdir "$root/.state/health/n2" "$root/.state/sending-x-3-4.log"
    run_logged timeout 20 "$bin/store" -C "$root"
    exits 0
    is_stored one
    for program in replicate remove check 'nodes list' 'nodes probe' 'queue status' 'upload-hook --scan'; do
        # shellcheck disable=SC2086  # words
        run_logged timeout 20 "$bin/"$program -C "$root"
        exits 0
    done
    rm "$root/.state/round-robin-store"
    truncate -s 2M "$root/.state/round-robin-store" # no cursor is that long
    echo zero | upload zero
    run_logged timeout 20 "$bin/store" -C "$root"
    exits 0
    logs "the round robin begins with the first node"
    is_stored zero

    rm "$root/.state/round-robin-store"
    mkdir "$root/.state/round-robin-store" "$root/.state/nodes.lock"
    echo two | upload two
    run_logged timeout 20 "$bin/store" -C "$root"
    exits 74
    logs "round-robin-store: Is a directory"
    is_stored two
    run_logged timeout 20 "$bin/nodes" drain -C "$root" n1
    exits 74
    logs "nodes.lock: Is a directory"
}

# --- a node that cannot be written to --------------------------------------------------------------------------------

@test "a node on a read-only file system is read, not written to, and what is to go there or leave it waits" {
    [ "$(id -u)" = 0 ] || skip "root alone can mount"
    configure file file file
    mount_tiny "$lab/n1/root" 4m
    upload_many f 4
    store
    exits 0
    local name stuck
    stuck=$(cd "$root/.links" && grep -l '^server n1 ' f000* | head -n 1)
    mount -o remount,ro "$lab/n1/root"
    upload_many g 6
    store -j 1
    exits 0
    logs result=node-failed node=n1 failure=node-unwritable 'Read-only file system'
    [ "$(count_logged result=node-failed)" = 1 ]
    for name in "$lab"/original/g*; do
        [[ $(nodes_of "${name##*/}") == n[23] ]]
    done
    nodespool nodes -C "$root"
    [[ $output =~ n1\ +unwritable\ .*\ ago:\ n1:\ cannot\ put\ .*Read-only\ file\ system ]]
    nodespool nodes probe -C "$root" n1
    exits 75
    [[ $output =~ 'Read-only file system' ]]

    # One job that would write there comes first; its copy can still be had.
    { replicate_line g0001 n1 && replicate_line "$stuck" n2,n3 copies=2; } | add_jobs
    replicate -j 1
    exits 75
    logs result=node-failed node=n1 failure=node-unwritable
    has_copies 2 "$stuck"
    jobs_are 1 '^replicate g0001 .* n1 .*not-before='

    delete "$stuck"
    exits 0
    remove
    exits 75
    logs result=node-failed node=n1 failure=node-unwritable
    jobs_are 1 '^remove n1 '

    mount -o remount,rw "$lab/n1/root"
    queue retry
    run_all_jobs
    the_queue_is_empty
    nothing_is_left_over
    nodespool nodes -C "$root"
    [[ $output =~ n1\ +up\  ]]
}

# --- an upload that could not be written to disk ---------------------------------------------------------------------

# Runs upload-hook with a disk that loses what it is to write, and says so once.
hook_on_a_bad_disk() { # FILE
    local shim=${NODESPOOL_CRASH_SHIM:-$bin/../tests/libnodespool_crash_shim.so} k_sync=256 eio=5
    [ -e "$shim" ] || fail "there is no $shim" || return
    run_logged env LD_PRELOAD="$shim" NODESPOOL_SHIM_PROGRAM=upload-hook NODESPOOL_SHIM_AT=1 NODESPOOL_SHIM_DO=$eio \
        NODESPOOL_SHIM_KINDS=$k_sync NODESPOOL_SHIM_COUNT="$lab/calls" "$bin/upload-hook" -C "$root" "$1"
}

@test "an upload that could not be synced is not queued by a later scan, as it stands" {
    cluster_lines='quiet = 0' configure file
    echo well | upload well
    store
    exits 0
    echo first | land bad
    hook_on_a_bad_disk "$files/bad"
    exits 74
    logs 'Input/output error'
    the_queue_is_empty

    upload_hook --scan
    exits 74
    logs result=skipped file=bad 'could not be written to disk.*upload it anew'
    upload_hook -n --scan
    exits 74
    upload_hook "$files/bad"
    exits 74
    logs 'could not be written to disk.*upload it anew'
    start follow upload-hook --follow
    local follow=$pid
    wait_for 10 has_logged follow 'file=bad .*could not be written to disk'
    kill "$follow"
    finish follow "$follow"
    the_queue_is_empty

    echo 'second, uploaded anew' | upload bad
    store
    everything_is_stored
    [ -z "$(find "$root/.state/unsynced" -type f)" ]
}

# --- a node that speaks another protocol -----------------------------------------------------------------------------

@test "an FTP node whose port is an SSH server's costs no time, and the log shows what it said" {
    need_servers
    configure sftp file
    local address port begin
    read -r address port <"$lab/n1/address"
    printf 'url = ftp://user:password@%s:%s/\nconnect-timeout = 120\nstall-timeout = 120\n' "$address" "$port" >"$lab/n1/section"
    write_configuration
    upload_many f 3
    begin=$SECONDS
    store
    exits 0
    ((SECONDS - begin < 60)) || fail "it took $((SECONDS - begin)) s"
    logs result=node-failed node=n1 failure=node-down "found 'SSH-2\.0-.*', expected an FTP reply"
    echo ftp >"$lab/n1/kind"
    everything_is_stored
}

# --- the working directory -------------------------------------------------------------------------------------------

@test "a working directory that was removed keeps no program from its work" {
    configure file
    echo content | land a
    mkdir "$lab/gone"
    cd "$lab/gone"
    rmdir "$lab/gone"
    upload_hook "$files/a"
    exits 0
    store
    exits 0
    is_stored a
}
