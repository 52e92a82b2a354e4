#!/usr/bin/env bats
# Nodes that fail: stopped, dead silent, stalling, full, refusing; nothing is lost and nobody waits longer than needed.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

seconds_now() { echo "${EPOCHREALTIME%[.,]*}"; }

@test "with one node stopped every file goes to the other, in seconds" {
    configure ftp ftp
    stop_server "$lab/n2"
    upload_many f 200
    begin=$(seconds_now)
    store
    exits 0
    (($(seconds_now) - begin < 30))
    everything_is_stored
    [ "$(copies_per_node | xargs)" = '200 n1' ]
}

@test "with all nodes stopped the jobs are resubmitted with their history, and done when due" {
    configure ftp ftp
    stop_server "$lab/n1"
    stop_server "$lab/n2"
    upload_many f 20
    begin=$(seconds_now)
    store
    exits 75
    (($(seconds_now) - begin < 30))
    [ "$(count_logged result=resubmitted)" = 20 ]
    logs result=resubmitted file=f0001 reason=
    jobs_are 20
    jobs_are 20 '^upload f[0-9]+ 0 17 [0-9.]+ .*'
    jobs_are 20 ' attempts=1( |$)'
    jobs_are 20 ' since=[0-9]+'
    jobs_are 20 ' not-before=[0-9]+'
    # One minute, give or take a fifth.
    while read -r not_before; do
        ((not_before - begin >= 47 && not_before - begin <= 83)) || fail "due in $((not_before - begin)) s"
    done < <(jobs_waiting | grep -oE 'not-before=[0-9]+' | cut -d = -f 2)
    # The comment says what went wrong, for the person who reads the file.
    cat "$root"/.queue/*.q >"$lab/queued"
    grep -E '^# .*n[12]' "$lab/queued" | grep -iE 'refused|connect'
    is_not_stored f0001 f0020
    queue status --json
    [ "$(jq -c '[.keyword, .ready, .deferred, .max_attempts]' <<<"$output" | grep upload)" = '["upload",0,20,1]' ]

    # Not yet due: nothing is done, which is no failure.
    store
    exits 0
    jobs_are 20 ' attempts=1( |$)'

    # Due: a person who moves the time in the file, as the clock would.
    sed -i -E 's/not-before=[0-9.]+/not-before=1000000000/' "$root"/.queue/*.q
    since=$(jobs_waiting | grep -oE 'since=[0-9.]+' | sort -u)
    store
    exits 75
    jobs_are 20 ' attempts=2( |$)'
    [ "$(jobs_waiting | grep -oE 'since=[0-9.]+' | sort -u)" = "$since" ]
    start_vsftpd "$lab/n2"
    sed -i -E 's/not-before=[0-9.]+/not-before=1000000000/' "$root"/.queue/*.q
    store
    exits 0
    everything_is_stored
    [ "$(copies_per_node | xargs)" = '20 n2' ]
}

@test "when a node is back, queue retry makes the jobs run at once" {
    configure ftp ftp
    stop_server "$lab/n1"
    stop_server "$lab/n2"
    upload_many f 20
    store
    exits 75
    start_vsftpd "$lab/n1"
    start_vsftpd "$lab/n2"
    store
    exits 0
    jobs_are 20
    queue retry
    exits 0
    store
    exits 0
    everything_is_stored
}

@test "a node that accepts and never answers holds nobody up" {
    node_lines=$'connect-timeout = 2\nstall-timeout = 2'
    configure ftp ftp
    freeze_server "$lab/n1"
    upload_many f 100
    begin=$(seconds_now)
    store
    exits 0
    (($(seconds_now) - begin < 15))
    is_stored f0001 f0100
    [ "$(copies_per_node | xargs)" = '100 n2' ]
    the_queue_is_empty
}

@test "a node that stalls in the middle of a transfer is given up, and the file goes to the other" {
    node_lines=$'connect-timeout = 2\nstall-timeout = 2'
    configure ftp ftp
    head -c 48M /dev/urandom | upload big
    start_store background --limit-rate 8M
    wait_for 10 a_copy_has_begun
    victim=$(held_copies | cut -d ' ' -f 1)
    freeze_server "$lab/$victim"
    begin=$(seconds_now)
    finish_store background "$pid"
    exits 0
    (($(seconds_now) - begin < 30))
    is_stored big
    [ "$(nodes_of big)" != "$victim" ]
    # The half copy is settled: a remove job for the node that cannot be reached now.
    jobs_are 1 "^remove $victim $(held_copies | grep "^$victim " | cut -d ' ' -f 2) "
}
a_copy_has_begun() { [ -n "$(find "${nodes[@]/#/$lab/}" -path '*/root/*' -type f -size +0)" ]; }

@test "a node that refuses the login is down: it is tried a few times, not for each file" {
    configure ftp ftp
    sed -i "0,/^url = /s|^\(url = ftp://[^:]*:\)[^@]*|\1wrong|" "$root/.cluster.conf"
    upload_many f 100
    store
    exits 0
    everything_is_stored
    [ "$(copies_per_node | xargs)" = '100 n2' ]
    [ "$(grep -c 'FAIL LOGIN' "$lab/n1/vsftpd.log")" -le 8 ]
}

@test "a full node is passed over, and no half copy stays on it" {
    configure ftp ftp
    stop_server "$lab/n1"
    mount_tiny "$lab/n1/root" 1M
    start_vsftpd "$lab/n1"
    for i in {01..12}; do
        head -c 300000 /dev/urandom | upload "f$i"
    done
    store -j 2
    exits 0
    everything_is_stored
    [ "$(copies_per_node | awk '$2 == "n1" { print $1 }')" = 3 ] # as many as fit
}

@test "a full file:// node is passed over" {
    configure file file
    mount_tiny "$lab/n1/root" 1M
    for i in {01..12}; do
        head -c 300000 /dev/urandom | upload "f$i"
    done
    store
    exits 0
    everything_is_stored
}

@test "a node that refuses to take files is passed over" {
    configure ftp ftp
    chown root "$lab/n1/root"
    upload_many f 20
    store
    exits 0
    everything_is_stored
    [ "$(copies_per_node | xargs)" = '20 n2' ]
}

@test "a file:// node whose directory is not there is down, and nothing is made in its place" {
    configure file file
    rmdir "$lab/n1/root"
    upload_many f 20
    store
    exits 0
    [ ! -e "$lab/n1/root" ]
    mkdir "$lab/n1/root"
    everything_is_stored
    [ "$(copies_per_node | xargs)" = '20 n2' ]
}

@test "a job that only allows a node that is down waits, the others are done" {
    configure ftp ftp
    stop_server "$lab/n1"
    upload_many f 10
    echo pinned | land pinned
    store_line pinned n1 | queue add
    store
    exits 75
    is_not_stored pinned
    jobs_are 1
    jobs_are 1 '^store pinned .* n1 .*attempts=1'
    start_vsftpd "$lab/n1"
    queue retry
    store
    exits 0
    everything_is_stored
    [ "$(nodes_of pinned)" = n1 ]
}

@test "a server that is stopped in the middle of a run costs nothing but time" {
    configure ftp ftp
    for i in {001..100}; do
        head -c 30000 /dev/urandom | land "f$i"
    done
    upload_hook "$files"/f*
    exits 0
    start_store background --limit-rate 2M
    wait_for 10 some_are_stored 20
    stop_server "$lab/n1"
    finish_store background "$pid"
    [[ $status = 0 || $status = 75 ]]
    start_vsftpd "$lab/n1"
    queue retry
    store
    exits 0
    everything_is_stored_but_removals
}
some_are_stored() { [ "$(held_copies | wc -l)" -ge "$1" ]; }
