#!/usr/bin/env bats
# Eight processors of mixed kinds on one spool, beside uploads, jobs by hand, editors, held queue files and kill -9; a checker
# that was told of every acknowledged job holds it against what the cluster has in the end (tests/checker/). What happens
# follows from a seed that is in the log of a failed test; NODESPOOL_TEST_SEED sets it.

load helpers

setup() {
    need_servers
    make_lab
    seed=${NODESPOOL_TEST_SEED:-$((EPOCHSECONDS % 32768))}
    echo "NODESPOOL_TEST_SEED=$seed"
    checker=$e2e_dir/../checker
}
teardown() { drop_lab; }

repair() { nodespool repair -C "$root"; }

@test "eight processors at once, killed, edited and held: every acknowledged job has had its effect exactly once" {
    configure ftp sftp file
    mkdir "$lab/load"
    mapfile -t roots < <(for node in "${nodes[@]}"; do echo "$node=$lab/$node/root"; done)
    "$checker/load" --programs "$bin" --root "$root" --files "$files" --out "$lab/load" --seed "$seed" "${roots[@]}"
    # What the killed ones were sending is settled by the next run.
    run_all_jobs
    "$checker/verify" "$lab/load/ledger" "$root" "$files" "${roots[@]}"
    the_queue_is_empty
    nothing_is_left_over
    # What check still finds is what was once asked for: more copies of the version before.
    check
    exits 0
    not grep -vE '^(short |$)' <<<"$output" || fail "check finds: $output"
    repair <<<"$output"
    run_all_jobs
    check
    exits 0
    [ -z "$output" ] || fail "after repair, check finds: $output"
}

@test "the checker reports what is missing, too much, wrong or lost" {
    "$checker/self-test"
}
