#!/usr/bin/env bats
# Several of each processor at once on one queue, and kill -9 at random moments: each job has its effect exactly once.
# The random moments follow from a seed that is in the log of a failed test; NODESPOOL_TEST_SEED sets it.

load helpers

setup() {
    need_servers
    make_lab
    seed=${NODESPOOL_TEST_SEED:-$((EPOCHSECONDS % 32768))}
    RANDOM=$seed
    echo "NODESPOOL_TEST_SEED=$seed"
}
teardown() { drop_lab; }

# FIRST…LAST new files or versions PREFIX0001…, in queue files of 25 jobs.
upload_some() { # PREFIX FIRST LAST [VERSION]
    local i name names=()
    for ((i = $2; i <= $3; i++)); do
        printf -v name '%s%04d' "$1" "$i"
        echo "content of $name ${4-}" >"$lab/original/$name"
        echo "content of $name ${4-}" >"$files/$name"
        names+=("$files/$name")
    done
    printf '%s\0' "${names[@]}" | xargs -0 -n 25 "$bin/upload-hook" -q -C "$root"
}
replicate_lines() { # PREFIX FIRST LAST [REST...]
    local names
    mapfile -t names < <(seq -f "$root/.links/$1%04.0f" "$2" "$3")
    awk -v rest="${*:4}" 'FNR == 1 { print "replicate", $1, $2, $4, rest }' "${names[@]}"
}
queue_in_pieces() { # of 25 lines of stdin
    local piece
    split -l 25 - "$lab/piece."
    for piece in "$lab"/piece.*; do
        "$bin/queue" -q -C "$root" add <"$piece"
    done
    rm "$lab"/piece.*
}
# Starts COUNT of a program; finish_all waits for all that were started.
started=()
start_several() { # COUNT PROGRAM [ARG...]
    local i
    for ((i = 0; i < $1; i++)); do
        start "$2$i" "${@:2}"
        started+=("$2$i:$pid")
    done
}
finish_all() {
    local each
    : >"$lab/outcomes"
    for each in "${started[@]}"; do
        finish "${each%:*}" "${each#*:}"
        [[ $status = 0 || $status = 75 ]] || fail "${each%:*} ends with $status: $(tail -n 3 "$lab/${each%:*}.log")" || return
        cat "$lab/${each%:*}.log" >>"$lab/outcomes"
    done
    started=()
}
# COUNT jobs ended so in the programs that finish_all waited for, each one once.
jobs_ended() { # COUNT PATTERN
    local ended
    ended=$(grep -aoE "result=($2) job=[^ ]+" "$lab/outcomes" | sed 's/.*job=//' | sort)
    [ "$(wc -l <<<"$ended")" = "$1" ] || fail "$(wc -l <<<"$ended") jobs instead of $1 ended with $2" || return
    [ -z "$(uniq -d <<<"$ended")" ] || fail "jobs ended twice: $(uniq -d <<<"$ended" | head)"
}
nothing_is_to_be_done() {
    [ -z "$(find "$root/.queue" -maxdepth 1 -name '*.q')" ] && [ -z "$(find "$root/.deleted" -type f 2>/dev/null)" ]
}

@test "two or three of each processor at once on one queue, 5,000 jobs: each one's effect is there exactly once" {
    configure file file ftp
    upload_some f 1 2000
    start_several 3 store
    finish_all
    jobs_ended 2000 stored
    every_file_has_copies 1

    # f1…f1000 get one copy more, f1001…f1500 three copies, f1501…f1750 go, f1751…f2000 get a new version and then, beside
    # everything else, another one.
    {
        replicate_lines f 1 1000
        replicate_lines f 1001 1500 copies=3
    } | shuf --random-source=<(yes "$seed") | queue_in_pieces
    upload_some f 1751 2000 'version 2'
    seq -f "$files/f%04.0f" 1501 1750 | xargs "$bin/delete" -q -C "$root"
    (cd "$lab/original" && seq -f 'f%04.0f' 1501 1750 | xargs rm)
    started=()
    start_several 2 store --follow
    start_several 3 replicate --follow
    start_several 3 remove --follow
    upload_some g 1 750
    delete -r f1500 # while it is replicated, or before, or after
    exits 0
    rm "$lab/original/f1500"
    wait_for 60 nothing_is_to_be_done || fail "after a minute this is left: $(jobs_waiting | head)"
    kill -TERM "${started[@]#*:}"
    finish_all
    jobs_ended 1000 stored
    jobs_ended 1500 'replicated|stale|again|duplicate'
    (($(grep -acE 'result=(already-)?removed' "$lab/outcomes") >= 500))
    run_all_jobs
    the_queue_is_empty
    nothing_is_left_over
    # In each of the groups every file has its number of copies.
    copies_per_file() { link_files -exec awk '$1 == "server" { ++count[FILENAME] } END { for (f in count) print count[f], f }' {} + |
        sed 's|^\([0-9]*\) .*/|\1 |' | sort -k 2; }
    copies_per_file >"$lab/counted"
    {
        seq -f '2 f%04.0f' 1 1000
        seq -f '3 f%04.0f' 1001 1499
        seq -f '1 f%04.0f' 1751 2000
        seq -f '1 g%04.0f' 1 750
    } >"$lab/expected"
    diff "$lab/expected" "$lab/counted"
    # And each copy has the right bytes.
    checksums "$lab/original" | awk 'NR == FNR { count[$2] = $1; next } { for (i = 0; i < count[$2]; i++) print }' \
        "$lab/expected" - | sort >"$lab/wanted.sums"
    recorded_checksums | diff "$lab/wanted.sums" -
    check
    exits 0
    [ -z "$output" ]
}

# --- kill -9 at random moments ---------------------------------------------------------------------------------------

# Lets a program run for a random time of at most $moments ms, then kills it: $status is 137, and one more of $kills, where
# it had not ended by itself. Then the next moments come earlier: fast programs and fast machines are killed just as often.
killed_at_random() { # PROGRAM [ARG...]: stdin is $input
    start victim "$@" <"${input:-/dev/null}"
    sleep "$(printf '0.%03d' $((RANDOM % moments + 5)))" # the random moment
    kill -KILL "$pid" 2>/dev/null || true
    status=0
    wait "$pid" 2>/dev/null || status=$?
    case $status in
        137) kills=$((kills + 1)) ;;
        0 | 75) moments=$((moments * 3 / 4 + 1)) ;;
        *) fail "$1 ended with $status: $(tail -n 5 "$lab/victim.log")" ;;
    esac
}

@test "kill -9 of replicate at twenty random moments: no copy is lost, none is there twice" {
    configure file file ftp file
    for i in {0001..0200}; do
        head -c $((RANDOM % 20000)) /dev/urandom | land "f$i"
    done
    upload_hook "$files"/f*
    store
    exits 0
    # 200 copies and 100 more: 3 MB, at 200 KiB/s.
    { replicate_lines f 1 100; replicate_lines f 101 200 copies=3; } | shuf --random-source=<(yes "$seed") | queue_in_pieces
    kills=0 moments=400
    while ((kills < 20)); do
        killed_at_random replicate --limit-rate 200K
        [ "$status" = 137 ] || fail "replicate ended by itself after $kills kills"
    done
    run_all_jobs
    has_copies 2 f{0001..0100}
    has_copies 3 f{0101..0200}
    the_queue_is_empty
    nothing_is_left_over
}

@test "kill -9 of remove at twenty random moments: what was to go is gone, nothing else is" {
    configure ftp file
    upload_some keep 1 100
    run_all_jobs
    replicate_lines keep 1 100 copies=2 | queue_in_pieces
    version=0 kills=0 moments=150
    while ((kills < 20)); do
        ((++version <= 60)) || fail "remove was killed $kills times only"
        if nothing_is_to_be_done || ((version == 1)); then
            upload_some go 1 200 $version
            store
            replicate_lines go 1 200 copies=2 | queue_in_pieces
            replicate
            exits 0
            seq -f "$files/go%04.0f" 1 100 | xargs "$bin/delete" -q -C "$root"
            upload_some go 101 200 "$version, again"
            store
            exits 0
        fi
        killed_at_random remove -j 1
    done
    rm "$lab"/original/go0{001..100}
    run_all_jobs
    has_copies 2 keep{0001..0100}
    has_copies 1 go{0101..0200}
    [ "$(link_files -print | wc -l)" = 200 ]
    the_queue_is_empty
    nothing_is_left_over
}

@test "kill -9 of drain at twenty random moments, beside replicate and remove: no file ever has fewer copies than it was to have" {
    configure file ftp file
    upload_some f 1 300
    run_all_jobs
    replicate_lines f 1 300 copies=2 | queue_in_pieces
    replicate
    exits 0
    start_several 1 replicate --follow
    start_several 1 remove --follow
    kills=0 moments=250 node=n1
    for ((round = 0; kills < 20; round++)); do
        ((round < 200)) || fail "drain was killed $kills times only"
        killed_at_random drain -q "$node"
        if [ "$status" = 0 ]; then # another one's turn
            nodespool nodes resume -C "$root" "$node"
            [ "$node" = n1 ] && node=n3 || node=n1
        fi
        (($(recorded_servers) >= 600)) || fail "$(recorded_servers) copies of 300 files are left"
    done
    kill -TERM "${started[@]#*:}"
    finish_all
    # To its end.
    for round in {1..5}; do
        drain -q "$node"
        [ "$status" != 0 ] || break
        queue retry
        replicate
    done
    exits 0
    run_all_jobs
    [ -z "$(find "$lab/$node/root" -type f)" ]
    every_file_has_copies 2
}
recorded_servers() { link_files -exec grep -h '^server ' {} + | wc -l; }

@test "kill -9 of repair at twenty random moments: every damage is repaired once" {
    configure file ftp file
    upload_some f 1 120
    run_all_jobs
    replicate_lines f 1 120 copies=2 | queue_in_pieces
    replicate
    exits 0
    damage() { # one copy of each file is damaged, or gone; and there are files that nobody knows
        local i=0 node name
        while read -r node name; do
            case $((i++ % 4)) in
                0) rm "$lab/$node/root/$name" ;;
                1) truncate -s 3 "$lab/$node/root/$name" ;;
                2) echo stray >"$lab/$node/root/${name%/*}/stray$i" ;;
            esac
        done < <(link_files -exec awk '$1 == "server" && !seen[FILENAME]++ { print $2, $3 }' {} +)
    }
    kills=0 moments=250
    for ((round = 0; kills < 20; round++)); do
        ((round < 100)) || fail "repair was killed $kills times only"
        check
        exits 0
        if [ -z "$output" ]; then
            run_all_jobs
            every_file_has_copies 2
            damage
            continue
        fi
        echo "$output" >"$lab/findings"
        input=$lab/findings killed_at_random repair --delete-orphans
    done
    for round in 1 2 3; do
        check
        [ -n "$output" ] || break
        "$bin/repair" -C "$root" --delete-orphans <<<"$output" 2>>"$lab/log"
        run_all_jobs
    done
    [ -z "$output" ] || fail "check still finds: $output"
    run_all_jobs
    every_file_has_copies 2
}
