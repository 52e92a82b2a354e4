#!/usr/bin/env bats
# kill -9 of store, alone and beside another one: nothing is lost, nothing is there twice, nothing stays unknown on a node.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

a_copy_has_begun() { [ -n "$(find "${nodes[@]/#/$lab/}" -path '*/root/*' -type f -size +0)" ]; }
copies_have_begun() { [ "$(held_copies | wc -l)" -ge "$1" ]; }

# The sessions of a killed store on the servers have noticed that it is gone.
servers_are_idle() {
    local node
    for node in "${nodes[@]}"; do
        server_is_idle "$lab/$node" || return
    done
}

run_until_done() { # the last run in $log
    local run
    for run in 1 2 3; do
        wait_for 20 servers_are_idle
        store
        exits 0
        [ -n "$(jobs_waiting)" ] || return 0
        queue retry
    done
    fail "jobs are left after three runs: $(jobs_waiting)"
}

@test "kill -9 at twenty random moments of a 500-file run loses nothing and does nothing twice" {
    configure ftp ftp
    for i in {001..500}; do
        head -c $((RANDOM % 40000)) /dev/urandom | land "d$((10#$i % 7))/file $i"
    done
    find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -C "$root"
    jobs_are 500
    kills=0
    while ((kills < 20)); do
        # 10 MB at 1 MB/s: twenty times up to 0.5 s are not enough for all of it.
        start_store "run" --limit-rate 1M
        sleep "0.$(printf %03d $((RANDOM % 450 + 50)))" # the random moment
        kill -KILL "$pid" || true
        status=0
        wait "$pid" || status=$?
        [ $status = 137 ] || fail "store ended by itself after $kills kills: $(cat "$lab/run.log")"
        kills=$((kills + 1))
    done
    # The kills hit the middle: some files were done, and some were not.
    [ "$(link_files -printf x | wc -c)" -gt 0 ]
    [ "$(find "$files" -type f -printf x | wc -c)" -gt 0 ]
    run_until_done
    everything_is_stored
    [ "$(link_files -printf x | wc -c)" = 500 ]
}

@test "kill -9 at random moments of a run over file:// nodes loses nothing and does nothing twice" {
    configure file file file
    upload_many f 400
    for ((kills = 0; kills < 20; kills++)); do
        start_store "run" --limit-rate 20k
        sleep "0.$(printf %03d $((RANDOM % 90 + 10)))" # the random moment
        kill -KILL "$pid" || true
        wait "$pid" 2>/dev/null || true
    done
    for _ in 1 2 3; do
        store
        exits 0
        queue retry
    done
    everything_is_stored
}

# Two stores send the same file at once; the one that began FIRST or SECOND is killed in the middle.
two_stores_one_killed() { # first|second
    local first second victim survivor
    configure ftp ftp
    head -c 24M /dev/urandom | upload big
    start_store first --limit-rate 8M
    first=$pid
    wait_for 10 a_copy_has_begun
    upload_hook "$files/big" # the duplicate
    start_store second --limit-rate 8M
    second=$pid
    wait_for 10 copies_have_begun 2
    if [ "$1" = first ]; then victim=first survivor=second; else victim=second survivor=first; fi
    kill -KILL "${!victim}"
    wait "${!victim}" || true
    finish_store "$survivor" "${!survivor}"
    exits 0
    logs result=stored file=big
    # The link file names one whole copy, whatever else is there.
    [ "$(copies_of big | wc -l)" = 1 ]
    cmp "$(copies_of big)" "$lab/original/big"
    run_until_done
    everything_is_stored
    [ "$(held_copies | wc -l)" = 1 ]
}

@test "two stores on duplicate jobs, the first one killed in the middle: one whole copy, no other name on a node" {
    two_stores_one_killed first
}

@test "two stores on duplicate jobs, the second one killed in the middle: one whole copy, no other name on a node" {
    two_stores_one_killed second
}

@test "two stores on duplicate jobs, neither killed: one whole copy, no other name on a node" {
    configure ftp ftp
    head -c 12M /dev/urandom | upload big
    start_store first --limit-rate 8M
    first=$pid
    wait_for 10 a_copy_has_begun
    upload_hook "$files/big"
    start_store second --limit-rate 8M
    finish_store second "$pid"
    exits 0
    finish_store first "$first"
    exits 0
    run_until_done
    everything_is_stored
    [ "$(held_copies | wc -l)" = 1 ]
}

@test "what a killed store left on a node that is now down becomes a remove job" {
    configure ftp ftp
    head -c 24M /dev/urandom | upload big
    start_store background --limit-rate 8M
    wait_for 10 a_copy_has_begun
    kill -KILL "$pid"
    wait "$pid" || true
    wait_for 10 servers_are_idle
    read -r node name < <(held_copies)
    stop_server "$lab/$node"
    store
    exits 0
    is_stored big
    [ "$(nodes_of big)" != "$node" ]
    jobs_are 1
    jobs_are 1 "^remove $node $name "
}

@test "a store that is told to stop finishes tidily" {
    configure ftp ftp
    for i in {001..100}; do
        head -c 30000 /dev/urandom | land "f$i"
    done
    upload_hook "$files"/f*
    exits 0
    start_store background --limit-rate 1M
    wait_for 10 copies_have_begun 10
    kill -TERM "$pid"
    finish_store background "$pid"
    [ "$status" != 137 ]
    [ "$(find "$files" -type f -printf x | wc -c)" -gt 0 ]
    nodes_and_links_agree
    run_until_done
    everything_is_stored
}

@test "the same job run again finds its work done" {
    cluster_lines='keep-local = yes'
    configure ftp ftp
    echo hello | land file
    upload_line file >"$root/.queue.line"
    mkdir -p "$root/.queue"
    cp "$root/.queue.line" "$root/.queue/a.q"
    store
    exits 0
    cmp "$files/file" "$lab/original/file" # kept, as configured
    before=$(held_copies)
    cp "$root/.queue.line" "$root/.queue/b.q"
    store
    exits 0
    logs result=already-stored file=file
    [ "$(held_copies)" = "$before" ]
    [ -e "$files/file" ]

    # Without keep-local it is what is left of a crash between commit and take-away.
    cluster_lines=
    write_configuration
    cp "$root/.queue.line" "$root/.queue/c.q"
    store
    exits 0
    logs result=already-stored file=file
    [ "$(held_copies)" = "$before" ]
    everything_is_stored
}

@test "the same size and time with another content is a new version, not work already done" {
    cluster_lines='keep-local = yes'
    configure ftp ftp
    echo 'first' | upload file
    store
    exits 0
    cluster_lines=
    write_configuration
    time=$(mtime_of "$files/file")
    echo 'other' >"$lab/original/file"
    cat "$lab/original/file" >"$files/file"
    touch -d "@$time" "$files/file"
    upload_hook "$files/file"
    store
    exits 0
    is_stored file
    jobs_are 1
    jobs_are 1 '^remove n[12] [^ ]+ 6 .*path=file'
}
