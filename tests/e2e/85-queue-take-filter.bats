#!/usr/bin/env bats
# Jobs out of the queue by hand (take, filter, hold, rejected): killed, interrupted and run side by side, nothing is lost.

load helpers

setup() {
    make_lab
    configure file file
    mkdir "$root/.queue"
}
teardown() { drop_lab; }

# Writes a queue file as a person would; the lines are stdin.
queue_file() { # NAME
    cat >"$root/.queue/$1"
}

# COUNT upload jobs, PER-FILE in a queue file: `upload fNNNNN 0 1 1 since=5`. All of them are in $lab/all, sorted.
many_jobs() { # COUNT PER-FILE
    seq -f 'upload f%05g 0 1 1 since=5' 1 "$1" | sort >"$lab/all"
    split -l "$2" -a 4 -d --additional-suffix=.q "$lab/all" "$root/.queue/jobs"
}

# Each job of $lab/all is in these outputs or still in the queue; none is in the queue twice.
no_job_is_lost() { # OUTPUT...
    jobs_waiting | sort >"$lab/waiting"
    [ -z "$(uniq -d "$lab/waiting")" ] || fail "twice in the queue: $(uniq -d "$lab/waiting" | head)" || return
    # A killed process may have cut its last line.
    cat "$@" "$lab/waiting" | grep -xE 'upload f[0-9]{5} 0 1 1 since=5' | sort -u | diff "$lab/all" - >"$lab/difference" ||
        fail "lost (<) or invented (>): $(head "$lab/difference")"
}

# --- take ------------------------------------------------------------------------------------------------------------

@test "queue take prints due jobs and takes them out, others stay" {
    {
        echo 'upload a 0 1 1 n1 since=5 attempts=3'
        echo 'store b 1 1'
        echo 'upload later 0 1 1 not-before=4000000000'
        echo 'upload bad 0 x 1'
        echo 'upload pic%20ture.jpg 0 1 1 since=5'
    } | queue_file jobs.q
    queue take -n upload
    exits 0
    [ "$(wc -l <<<"$output")" = 2 ]
    jobs_are 5
    queue take upload '*.jpg'
    exits 65
    [ "$output" = 'upload pic%20ture.jpg 0 1 1 since=5' ]
    logs 'result=left' 'jobs.q:4:' expected
    queue take --json upload
    exits 65
    [ "$(jq -c '[."queue-file", .line, .job]' <<<"$output")" = '["jobs.q",1,"upload a 0 1 1 n1 since=5 attempts=3"]' ]
    jobs_are 3
    queue take --all upload
    [[ $output = 'upload later '*' since='* ]]
    # What was printed can be queued again as it is.
    nodespool queue add -C "$root" <<<"$output"
    exits 0
    jobs_are 1 '^upload later 0 1 1 not-before=4000000000 since='
}

@test "queue take wrongly used says what is wrong" {
    queue take
    exits 64
    queue take uplaod
    exits 64
    [[ $log = *"found keyword 'uplaod'"* ]]
    queue take --max-jobs 0 upload
    exits 64
    [[ $log = *'--max-jobs'*'expected'* ]]
    queue take upload a b
    exits 64
}

@test "jobs that queue take could not write stay in the queue" {
    many_jobs 20000 20000
    "$bin/queue" take -C "$root" upload >/dev/full 2>"$lab/log.last" || status=$?
    [ "$status" = 74 ]
    grep -q 'No space left' "$lab/log.last"
    jobs_are 20000
    # A reader that goes away after the first lines: a closed pipe, no message.
    mkfifo "$lab/pipe"
    head -n 10 <"$lab/pipe" >"$lab/head" &
    status=0
    "$bin/queue" take -C "$root" upload >"$lab/pipe" 2>"$lab/log.last" || status=$?
    [ "$status" = 74 ]
    [ "$(grep -vc result= "$lab/log.last")" = 0 ]
    [ "$(wc -l <"$lab/head")" = 10 ]
    [ "$(jobs_waiting | wc -l)" -gt 0 ]
    queue take upload
    exits 0
    the_queue_is_empty
}

@test "a full disk under queue take's output loses nothing" {
    need_servers
    mount_tiny "$lab/tiny" 256k
    many_jobs 20000 1000
    status=0
    "$bin/queue" take -C "$root" upload >"$lab/tiny/out" 2>"$lab/log.last" || status=$?
    [ "$status" = 74 ]
    [ "$(jobs_waiting | wc -l)" -gt 0 ]
    no_job_is_lost "$lab/tiny/out"
}

@test "queue take killed at twenty random moments loses no job" {
    many_jobs 5000 25
    kills=0
    for ((run = 0; run < 20; run++)); do
        "$bin/queue" take -C "$root" upload >"$lab/out.$run" 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 60 + 5)))" # the random moment
        kill -KILL "$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        [ $status != 137 ] || kills=$((kills + 1))
        no_job_is_lost "$lab"/out.*
        # What it printed goes back: there is always something to take.
        if [ -z "$(jobs_waiting | head -n 1)" ]; then
            rm -f "$lab"/out.*
            many_jobs 5000 25
        fi
    done
    [ $kills -gt 0 ] || fail 'no run was killed before its end'
    queue take upload
    exits 0
    the_queue_is_empty
}

@test "queue add killed at twenty random moments has queued all of its lines or none" {
    seq -f 'upload f%06g 0 1 1' 1 50000 >"$lab/lines"
    kills=0
    for ((run = 0; run < 20; run++)); do
        "$bin/queue" add -C "$root" <"$lab/lines" 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 250 + 5)))" # the random moment
        kill -KILL "$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        [ $status != 137 ] || kills=$((kills + 1))
        for file in "$root"/.queue/*.q; do
            [ ! -e "$file" ] || cmp "$file" "$lab/lines"
        done
        [ $status = 137 ] || [ -n "$(find "$root/.queue" -maxdepth 1 -name '*.q')" ]
        rm -f "$root"/.queue/*.q
    done
    [ $kills -gt 0 ] || fail 'no run was killed before its end'
    # What the killed ones had begun is cleared away.
    nodespool queue add -C "$root" <"$lab/lines"
    exits 0
    queue filter upload cat
    exits 0
    [ -z "$(find "$root/.queue" -name '*.tmp')" ]
}

@test "two queue takes at once print each of 5000 jobs once" {
    many_jobs 5000 10
    for run in 1 2; do
        "$bin/queue" take -C "$root" upload >"$lab/out.$run" 2>"$lab/err.$run" 3>&- &
        pids[run]=$!
    done
    wait "${pids[1]}"
    wait "${pids[2]}"
    # What one of them had passed over because the other worked on it may be left.
    queue take upload
    exits 0
    printf %s "${output:+$output$'\n'}" >"$lab/out.3"
    sort "$lab"/out.* | diff "$lab/all" -
    the_queue_is_empty
}

@test "queue take streams: its memory does not grow with the queue file" {
    seq -f 'upload f%.0f 0 1 1' 1 300000 | queue_file jobs.q
    mkfifo "$lab/pipe"
    "$bin/queue" take -C "$root" upload >"$lab/pipe" 2>"$lab/log.last" 3>&- &
    pid=$!
    # The reader looks at it at the beginning and close to the end, while it waits for room in the pipe.
    most_memory_kib() { awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status"; }
    exec {jobs}<"$lab/pipe"
    head -c 1000000 <&$jobs >"$lab/out"
    first=$(most_memory_kib)
    head -c 8000000 <&$jobs >>"$lab/out"
    later=$(most_memory_kib)
    cat <&$jobs >>"$lab/out"
    exec {jobs}<&-
    wait "$pid"
    [ "$(grep -cE '^upload f[0-9]+ 0 1 1 since=[0-9.]+$' "$lab/out")" = 300000 ]
    ((later - first < 4000)) || fail "it grew from $first KiB to $later KiB"
    the_queue_is_empty
}

# --- filter ----------------------------------------------------------------------------------------------------------

@test "queue filter puts in the place of jobs what a program makes of them" {
    for name in a b c; do
        echo "$name" | land "$name"
        upload_line "$name" since=1000000000
    done | queue_file 0-jobs.q
    echo 'remove n1 x 1' >>"$root/.queue/0-jobs.q"
    queue filter -n upload awk '{ $5 = $5 " n2"; print }'
    exits 0
    [ "$(grep -c ' n2 since=1000000000$' <<<"$output")" = 3 ]
    jobs_are 0 ' n2 '
    queue filter upload awk '{ $5 = $5 " n2"; print }'
    exits 0
    logs result=filtered jobs-in=3 jobs-out=3
    jobs_are 3 ' n2 since=1000000000$'
    [ "$(find "$root/.queue" -maxdepth 1 -name '0-2*.q' | wc -l)" = 1 ]
    store
    exits 0
    [ "$(nodes_of a) $(nodes_of b) $(nodes_of c)" = 'n2 n2 n2' ]
    jobs_are 1 '^remove'
}

@test "options after the command of queue filter are the command's" {
    many_jobs 10 10
    queue filter upload --may-drop grep -v f00003
    exits 0
    jobs_are 9
    queue -v filter --json upload -- sort -r
    exits 0
    [ "$(jq -c '[."jobs-in", ."jobs-out", .dropped, .failure]' <<<"$output")" = '[9,9,0,null]' ]
    [ "$(jobs_waiting | head -n 1)" = 'upload f00010 0 1 1 since=5' ]
}

@test "a policy that fails in any way leaves the queue as it was" {
    many_jobs 5000 100
    snapshot "$root"/.queue/*.q >"$lab/before"
    untouched() { # STATUS PATTERN COMMAND...
        queue filter upload "${@:3}"
        exits "$1"
        [[ $log = *$2* ]] || fail "no '$2' in: $log"
        snapshot "$root"/.queue/*.q | diff "$lab/before" - || return
        [ -z "$(find "$root/.queue" -name '.?*.*')" ]
    }
    untouched 75 'exit status 1' sh -c 'cat; exit 1'
    untouched 75 'killed by signal 9' sh -c 'cat; kill -9 $$'
    untouched 75 'did not read all' head -n 5
    untouched 75 'did not read all' true
    untouched 75 'for 4999 of the files' sed -n 1p
    untouched 75 'for 5000 of the files' sh -c 'cat >/dev/null'
    untouched 65 "output of sed:1:21: found node 'n9'" sed 's/ since/ n9 since/'
    untouched 65 'output of sh:5001:' sh -c 'cat; echo nonsense'
    untouched 65 'output of yes:1:' yes
    untouched 64 'cannot run nosuchprogram' nosuchprogram
    queue filter upload
    exits 64
    queue filter uplaod cat
    exits 64
    [[ $log = *"found keyword 'uplaod'"* ]]
}

@test "queue filter killed at twenty random moments loses no job" {
    many_jobs 5000 25
    kills=0
    for ((run = 0; run < 20; run++)); do
        # The program is done at once, or slow.
        "$bin/queue" filter -C "$root" upload sh -c "sleep 0.0$((RANDOM % 6)); cat" 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 150 + 5)))" # the random moment
        kill -KILL "$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        [ $status != 137 ] || kills=$((kills + 1))
        # Killed between queueing and ticking, a batch stands there twice, never not at all.
        jobs_waiting | sort -u | diff "$lab/all" - || fail 'jobs were lost or invented'
    done
    [ $kills -gt 0 ] || fail 'no run was killed before its end'
    queue filter upload cat
    exits 0
    jobs_waiting | sort -u | diff "$lab/all" -
    [ -z "$(find "$root/.queue" -name '.?*.*')" ]
}

# --- hold, release ---------------------------------------------------------------------------------------------------

@test "queue hold takes files out of circulation, queue release puts them back" {
    for name in a b c; do
        echo "$name" | land "$name"
        upload_line "$name" | queue_file "$name.q"
    done
    queue hold --dry-run '[ab].q'
    exits 0
    [ "$output" = $'would hold a.q\nwould hold b.q' ]
    queue hold '[ab].q'
    exits 0
    logs result=held queue-file=a.q
    store
    exits 0
    is_stored c
    is_not_stored a b
    queue list
    [ "$(grep -c '^held held/[ab].q:1 upload' <<<"$output")" = 2 ]
    queue status --json
    [ "$(jq -c 'select(.keyword == "upload") | [.ready, .held]' <<<"$output")" = '[0,2]' ]
    queue release --json held/a.q
    exits 0
    [ "$(jq -c . <<<"$output")" = '{"queue-file":"a.q","result":"released","in-use":false}' ]
    queue release '*'
    exits 0
    store
    exits 0
    everything_is_stored
}

@test "queue hold refuses what is no queue file, and never replaces one" {
    echo 'upload a 0 1 1' | queue_file a.q
    echo keep >"$root/.queue/notes.txt"
    queue hold ../.cluster.conf
    exits 64
    [[ $log = *"found '../.cluster.conf', expected the name of a queue file"* ]]
    queue hold notes.txt
    exits 74
    queue hold none.q a.q
    exits 74
    [[ $log = *"'none.q'"* ]]
    [ -f "$root/.queue/held/a.q" ]
    echo 'upload b 0 1 1' | queue_file a.q
    queue hold a.q
    exits 73
    queue release a.q
    exits 73
    [ "$(cat "$root/.queue/a.q" "$root/.queue/held/a.q")" = $'upload b 0 1 1\nupload a 0 1 1' ]
    [ "$(cat "$root/.queue/notes.txt")" = keep ]
    queue hold
    exits 64
}

some_are_stored() { [ "$(held_copies | wc -l)" -ge "$1" ]; }

@test "a file that a paused store works on can be held: store lets go of it, and no job is lost" {
    for i in {01..20}; do
        head -c 100000 /dev/urandom | land "slow$i"
        upload_line "slow$i"
    done >"$lab/lines"
    queue_file jobs.q <"$lab/lines"
    start_store background -j 1 --limit-rate 1M
    wait_for 10 some_are_stored 3
    kill -STOP "$pid"
    queue hold jobs.q
    exits 0
    logs result=held queue-file=jobs.q 'being worked on'
    kill -CONT "$pid"
    finish_store background "$pid"
    exits 0
    # It stopped: most files wait, each with its line.
    [ "$(link_files -printf x | wc -c)" -lt 15 ]
    for name in $(cd "$files" && echo *); do
        grep -q "^upload $name " "$root/.queue/held/jobs.q"
    done
    queue release jobs.q
    exits 0
    store
    exits 0
    everything_is_stored
}

# --- rejected --------------------------------------------------------------------------------------------------------

@test "rejected lines are listed with their reasons, and queued again when they were repaired" {
    echo hello | land file
    { upload_line file n9 && echo 'store ../x 1 1' && echo 'stroe file 1 1'; } | queue_file mixed.q
    store
    exits 65
    queue rejected
    exits 0
    [ "$(grep -c '^rejected/.*\.q:[0-9]* ' <<<"$output")" = 3 ]
    [ "$(grep -c '^    .*mixed.q:[0-9]:[0-9]*: found .*, expected ' <<<"$output")" = 3 ]
    queue rejected --json
    exits 0
    [ "$(jq -rs 'map(.text) | sort | .[0:2] | join(" / ")' <<<"$output")" = 'store ../x 1 1 / stroe file 1 1' ]
    [ "$(jq -r '."queue-file" | startswith("rejected/")' <<<"$output" | sort -u)" = true ]
    # Nothing was repaired: all of it stays as it is, with its reasons.
    cat "$root"/.queue/rejected/*.q | sort >"$lab/before"
    queue rejected --requeue
    exits 65
    cat "$root"/.queue/rejected/*.q | sort | diff "$lab/before" -
    # One is repaired, one is bad in another way now, one is taken out.
    sed -i -e 's/ n9$/ n2/' -e 's/^stroe file 1 1/store file one 1/' -e '/\.\.\/x 1 1/d' "$root"/.queue/rejected/*.q
    queue rejected --requeue --dry-run
    exits 65
    [ "$output" = 'would queue 1 jobs; 1 lines are still bad' ]
    jobs_are 0
    queue rejected --requeue --json
    exits 65
    [ "$(jq -c '[.queued, .rejected]' <<<"$output")" = '[1,1]' ]
    queue rejected
    [ "$(wc -l <<<"$output")" = 2 ]
    [[ $output = *'store file one 1'*"found 'one'"* ]]
    store
    exits 0
    everything_is_stored
    sed -i 's/ one / 6 /' "$root"/.queue/rejected/*.q
    queue rejected --requeue
    exits 0
    jobs_are 1 '^store file 6 1$'
    [ -z "$(ls -A "$root/.queue/rejected")" ]
    queue rejected
    exits 0
    [ -z "$output" ]
}

@test "queue rejected takes names and patterns of its own files only" {
    mkdir "$root/.queue/rejected"
    for name in a b; do
        echo "store $name 1 1" >"$root/.queue/rejected/$name.q"
    done
    queue rejected --requeue rejected/a.q
    exits 0
    jobs_are 1 '^store a '
    [ "$(ls "$root/.queue/rejected")" = b.q ]
    queue rejected c.q
    exits 74
    queue rejected --requeue ../held/x.q
    exits 64
}

# --- dry runs --------------------------------------------------------------------------------------------------------

@test "no command changes anything with --dry-run, nor waits for who works on the files" {
    mkdir -p "$root/.queue/held" "$root/.queue/rejected"
    printf '%s\n' 'upload a 0 1 1' 'upload b 0 1 1 not-before=4000000000' 'uplaod c 0 1 1' | queue_file jobs.q
    echo 'store h 1 1' >"$root/.queue/held/h.q"
    printf '# r\nstore good 1 1\nstore bad\n' >"$root/.queue/rejected/r.q"
    snapshot "$root" >"$lab/before"
    exec {worker}<"$root/.queue/jobs.q"
    flock $worker
    for words in 'take --all upload' 'filter --all upload cat' 'hold *' 'release *' 'retry'; do
        # shellcheck disable=SC2086  # words
        (set -f && nodespool queue -C "$root" -n --json $words && exits 0 && jq -es 'length > 0' <<<"$output") || fail "$words"
    done
    queue rejected --requeue --dry-run
    exits 65
    snapshot "$root" | diff "$lab/before" -
}
