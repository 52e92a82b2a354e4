#!/usr/bin/env bats
# The queue as a person meets it: job lines, queue files that are edited, and the program `queue`.

load helpers

setup() {
    make_lab
    configure file file file
    mkdir "$root/.queue"
}
teardown() { drop_lab; }

# Writes a queue file as a person would; the lines are stdin.
queue_file() { # NAME
    cat >"$root/.queue/$1"
}

# --- node lists ------------------------------------------------------------------------------------------------------

@test "jobs that name nodes go to one of these only" {
    for i in {1..6}; do
        echo "$i" | land "upload$i"
        upload_line "upload$i" n2
        echo "$i" | land "store$i"
        store_line "store$i" n2
        echo "$i" | land "either$i"
        store_line "either$i" n1,n3
    done >"$lab/lines"
    queue_file jobs.q <"$lab/lines"
    store
    exits 0
    everything_is_stored
    for i in {1..6}; do
        [ "$(nodes_of "upload$i") $(nodes_of "store$i")" = "n2 n2" ]
        [[ $(nodes_of "either$i") = n[13] ]]
    done
}

@test "jobs that exclude nodes go to another one" {
    for i in {1..6}; do
        echo "$i" | land "upload$i"
        upload_line "upload$i" -n2
        echo "$i" | land "store$i"
        store_line "store$i" -n1 -n3
    done >"$lab/lines"
    queue_file jobs.q <"$lab/lines"
    store
    exits 0
    everything_is_stored
    for i in {1..6}; do
        [[ $(nodes_of "upload$i") = n[13] ]]
        [ "$(nodes_of "store$i")" = n2 ]
    done
}

@test "jobs that name some nodes and exclude one of them go to what is left" {
    for i in {1..6}; do
        echo "$i" | land "upload$i"
        upload_line "upload$i" n1 n2 -n1
        echo "$i" | land "store$i"
        store_line "store$i" -n3,n1,n3
    done >"$lab/lines"
    queue_file jobs.q <"$lab/lines"
    store
    exits 0
    everything_is_stored
    for i in {1..6}; do
        [ "$(nodes_of "upload$i") $(nodes_of "store$i")" = "n2 n1" ]
    done
}

# --- bad lines -------------------------------------------------------------------------------------------------------

@test "bad lines of many kinds are set aside with their reasons, and the good lines among them are done" {
    bad=('frobnicate a 1 2' 'upload good1 0' "upload good1 0 big $(date +%s)" 'upload good1 0 8 yesterday' 'upload good1 root 8 1' 'store /etc/passwd 1 1'
        'store ../outside 1 1' 'store a/./b 1 1' 'store a//b 1 1' 'store a%zzb 1 1' 'store a%00b 1 1' 'store key=value 1 1' 'store .queue/x 1 1'
        'store good1 8 1 nowhere' 'store good1 8 1 -nowhere' 'store good1 8 1 n1 -n1' 'store good1 8 1 *' 'store good1 8 1 not-before=soon'
        'store good1 -8 1' "store $(printf 'long%.0s' {1..20000}) 8 1")
    for i in "${!bad[@]}"; do
        echo "good $i" | land "good$i"
        upload_line "good$i"
        echo "${bad[i]}"
    done >"$lab/lines"
    queue_file mixed.q <"$lab/lines"
    store
    exits 65
    everything_is_stored
    [ "$(count_logged result=rejected)" = ${#bad[@]} ]
    for i in "${!bad[@]}"; do
        # The line stands there as it was, and what stands above it says where it was and what is wrong with it.
        grep -rhFx -B 1 -- "${bad[i]}" "$root/.queue/rejected" >"$lab/rejected" || fail "not set aside: ${bad[i]:0:100}"
        head -n 1 "$lab/rejected" | grep -E "^#.*mixed\.q:$((2 * i + 2)):[0-9]+: .*expected" || fail "no reason: $(head -c 300 "$lab/rejected")"
        logs result=rejected "job=mixed.q:$((2 * i + 2))( |\$)" reason=
    done
    queue status --json
    [ "$(jq -s 'map(.rejected) | add' <<<"$output")" = ${#bad[@]} ]
    # They are rejected once.
    store
    exits 0
}

@test "a node name that nobody configured rejects the line and says which name it is" {
    echo hello | land file
    upload_line file n1 elsewhere | queue_file a.q
    store
    exits 65
    is_not_stored file
    grep -rh "elsewhere" "$root/.queue/rejected" | grep -E "^#.*'?elsewhere'?.*(n1, n2, n3)"
    grep -rhx "$(upload_line file n1 elsewhere)" "$root/.queue/rejected"
}

# --- queue files -----------------------------------------------------------------------------------------------------

@test "queue files are worked off in name order, comments and blank lines are fine, CRLF too" {
    for name in c a b; do
        echo "$name" | land "$name"
        { printf '# a comment\n\n   \n\t%s\r\n#\n' "$(store_line "$name")"; } | queue_file "$name.q"
    done
    store -j 1
    exits 0
    everything_is_stored
    [ "$(grep -aoE 'result=stored.*' <<<"$log" | grep -oE 'file=[abc]' | tr -d '\n')" = file=afile=bfile=c ]
}

@test "lines for other programs stay where they are, with their comments" {
    echo hello | land file
    printf '%s\n' '# for the others' 'remove n1 00/00/x 5' "$(store_line file)" "replicate other 5 1" | queue_file mixed.q
    store
    exits 0
    is_stored file
    jobs_are 2
    grep -qx '# for the others' "$root/.queue/mixed.q"
    grep -qx 'remove n1 00/00/x 5' "$root/.queue/mixed.q"
    grep -qx 'replicate other 5 1' "$root/.queue/mixed.q"
    # The finished line is ticked off: still to be read, but a comment.
    grep -qx "#tore file .*" "$root/.queue/mixed.q"
}

@test "only files that are meant to be queue files are read" {
    for name in a b c d e f; do
        echo "$name" | land "$name"
    done
    store_line a | queue_file upload-20261120
    store_line b | queue_file store-me
    store_line c | queue_file remove-me
    store_line d | queue_file .hidden.q
    store_line e | queue_file job.q.tmp
    store_line f | queue_file 'store-me.bak'
    store
    exits 0
    is_stored a b
    is_not_stored c d e f
    [ "$(cd "$root/.queue" && find . -maxdepth 1 -type f | sort | tr '\n' ' ')" = './.hidden.q ./job.q.tmp ./remove-me ./store-me.bak ' ]
}

@test "a last line without newline is run when nobody writes to the file any more" {
    echo hello | land file
    store_line file | tr -d '\n' | queue_file open.q
    # Somebody has the file open for writing, however old it is.
    exec {writer}>>"$root/.queue/open.q"
    touch -d '-1 minute' "$root/.queue/open.q"
    store
    exits 0
    is_not_stored file
    jobs_are 1
    exec {writer}>&-
    # Just written: the writer may be between two writes.
    touch "$root/.queue/open.q"
    store
    exits 0
    is_not_stored file
    touch -d '-1 minute' "$root/.queue/open.q"
    store
    exits 0
    everything_is_stored
}

# Jobs that take store a second or two: 20 files of 100 kB at 1 MB/s.
slow_jobs() { # QUEUE-FILE
    for i in {01..20}; do
        head -c 100000 /dev/urandom | land "slow$i"
        store_line "slow$i"
    done >"$lab/lines"
    queue_file "$1" <"$lab/lines"
}
some_are_stored() { [ "$(held_copies | wc -l)" -ge "$1" ]; }

@test "a queue file that an editor replaces while store works on it loses nothing" {
    slow_jobs jobs.q
    echo added | land added
    start_store background -j 1 --limit-rate 1M
    wait_for 10 some_are_stored 5
    # The editor had read the file before store began, and writes it back with one line more.
    { cat "$lab/lines" && store_line added; } >"$lab/edited"
    cp "$lab/edited" "$root/.queue/jobs.q~new" && mv "$root/.queue/jobs.q~new" "$root/.queue/jobs.q"
    finish_store background "$pid"
    exits 0
    # Let go of: what the editor wrote stands there to the byte.
    [ -e "$files/added" ]
    cmp "$root/.queue/jobs.q" "$lab/edited"
    store
    exits 0
    everything_is_stored
}

@test "lines that are appended while store works on the file are done, by this run or the next" {
    slow_jobs jobs.q
    echo added | land added
    start_store background -j 1 --limit-rate 1M
    wait_for 10 some_are_stored 5
    store_line added >>"$root/.queue/jobs.q"
    finish_store background "$pid"
    exits 0
    store
    exits 0
    everything_is_stored
}

@test "a line that is taken out or changed in place while store works on the file is not run as it was" {
    slow_jobs jobs.q
    start_store background -j 1 --limit-rate 1M
    wait_for 10 some_are_stored 3
    # An editor that writes into the same file: the last line is commented out.
    offset=$(grep -abo 'store slow20' "$root/.queue/jobs.q" | cut -d : -f 1)
    printf '#' | dd of="$root/.queue/jobs.q" bs=1 seek="$offset" conv=notrunc status=none
    finish_store background "$pid"
    store
    is_not_stored slow20
    upload_hook "$files/slow20"
    store
    exits 0
    everything_is_stored
}

@test "several stores at once share the queue files and do every job once" {
    for batch in {1..8}; do
        upload_many "b$batch-" 20
    done
    start_store one
    one=$pid
    start_store two
    two=$pid
    start_store three
    finish_store three "$pid"
    exits 0
    stored=$(count_logged result=stored)
    finish_store two "$two"
    exits 0
    stored=$((stored + $(count_logged result=stored)))
    finish_store one "$one"
    exits 0
    stored=$((stored + $(count_logged result=stored)))
    [ $stored = 160 ]
    everything_is_stored
}

@test "store --only and --max-jobs do some of the jobs and leave the rest" {
    upload_many a 3
    upload_many b 3
    store --only 'a*'
    exits 0
    is_stored a0001 a0002 a0003
    is_not_stored b0001 b0002 b0003
    jobs_are 3
    store --max-jobs 2
    exits 0
    jobs_are 1
    store
    exits 0
    everything_is_stored
}

# --- the program queue -----------------------------------------------------------------------------------------------

@test "queue add queues jobs from stdin, first or last where asked" {
    for name in a b c; do
        echo "$name" | land "$name"
    done
    store_line a | queue add --last
    store_line b | queue add
    store_line c | queue add --first
    [ "$(find "$root/.queue" -maxdepth 1 -name '0-*.q' | wc -l)" = 1 ]
    [ "$(find "$root/.queue" -maxdepth 1 -name '9-*.q' | wc -l)" = 1 ]
    queue list
    exits 0
    [ "$(grep -oE 'store [abc]' <<<"$output" | tr -d '\n')" = 'store cstore bstore a' ]
    store -j 1
    exits 0
    [ "$(grep -aoE 'result=stored.*' <<<"$log" | grep -oE 'file=[abc]' | tr -d '\n')" = file=cfile=bfile=a ]
    everything_is_stored
}

@test "queue add takes the good lines, sets the bad ones aside and exits 65" {
    echo hello | land file
    printf '%s\n' "$(store_line file)" 'store ../x 1 1' 'nonsense' >"$lab/lines"
    nodespool queue add -C "$root" <"$lab/lines"
    exits 65
    jobs_are 1 '^store file '
    grep -rhx -B 1 'store ../x 1 1' "$root/.queue/rejected" | grep '^#'
    grep -rhx -B 1 'nonsense' "$root/.queue/rejected" | grep '^#'
}

@test "what list -l prints can be cut by awk and fed back to queue add" {
    echo 1 | upload 'a name with blanks'
    echo 2 | upload '100% #1 = ünï'
    store
    exits 0
    list -l -r
    exits 0
    awk '{ print "replicate", $2, $3, $4, "copies=2" }' <<<"$output" >"$lab/lines"
    nodespool queue add -C "$root" <"$lab/lines"
    exits 0
    jobs_are 2 '^replicate .* copies=2$'
    diff <(jobs_waiting | sort) <(link_files -exec awk 'FNR == 1 { print "replicate", $1, $2, $4, "copies=2" }' {} + | sort)
}

@test "queue status counts what is ready, deferred and rejected, by keyword" {
    for name in a b c; do
        echo "$name" | land "$name"
    done
    {
        upload_line a
        store_line b since=1000000000 attempts=7
        store_line c not-before=4000000000
        echo 'remove n1 00/00/x 5'
    } >"$lab/lines"
    nodespool queue add -C "$root" <"$lab/lines"
    exits 0
    echo 'store bad' | queue_file bad.q
    queue status --json
    exits 0
    row() { jq -c "select(.keyword == \"$1\") | [.ready, .deferred, .rejected, .max_attempts]" <<<"$output"; }
    [ "$(row upload)" = '[1,0,0,0]' ]
    [ "$(row store | cut -d , -f 1,2)" = '[1,1' ]
    [ "$(row store | cut -d , -f 4)" = '7]' ]
    [ "$(row remove)" = '[1,0,0,0]' ]
    [ "$(jq 'select(.keyword == "store") | .oldest_s >= 700000000' <<<"$output")" = true ]
    [ "$(jq -r 'select(.keyword) | keys_unsorted | join(",")' <<<"$output" | sort -u)" = keyword,ready,deferred,held,rejected,oldest_s,max_attempts ]
    queue status
    exits 0
    grep -E 'store' <<<"$output" | grep 7
}

@test "queue status tells how the nodes were when somebody last spoke to them" {
    mkdir -p "$root/.state/health"
    printf '%s\n' 'state down' 'since 1000000000' 'last-error 1000000060.5 n2: cannot put x: Connection refused (down)' \
        'last-success 999999999.25' 'by store' >"$root/.state/health/n2"
    printf '%s\n' 'state up' 'since 1000000000' 'last-success 1000000007' 'by store' >"$root/.state/health/n3"
    # A node that is not configured any more.
    printf '%s\n' 'state up' 'since 1000000000' 'by store' >"$root/.state/health/gone"
    queue status
    exits 0
    grep -E '^n1 +- +nobody has spoken to it yet$' <<<"$output"
    grep -E '^n2 +down +[0-9]+ d +2001-09-09T01:46:39.250Z +2001-09-09T01:47:40.500Z +n2: cannot put x: Connection refused' <<<"$output"
    grep -E '^n3 +up .* - +-$' <<<"$output"
    not grep gone <<<"$output"
    queue status --json
    exits 0
    node_row() { jq -c "select(.node == \"$1\") | [.state, .since, .\"last-success\", .\"last-error\", .error]" <<<"$output"; }
    [ "$(node_row n1)" = '[null,null,null,null,null]' ]
    [ "$(node_row n2)" = '["down","1000000000.000000000","999999999.250000000","1000000060.500000000","n2: cannot put x: Connection refused (down)"]' ]
    [ "$(node_row n3)" = '["up","1000000000.000000000","1000000007.000000000",null,null]' ]
}

@test "queue show tells all that the queue knows of a file" {
    echo hello | land 'my file'
    printf '# why it waits\nstore my%%20file 6 %s n1 attempts=3\n' "$(mtime_of "$files/my file")" | queue_file waiting.q
    echo 'store other 1 1' | queue_file other.q
    queue show 'my file'
    exits 0
    [[ $output = *waiting.q:2* && $output = *'why it waits'* && $output = *attempts=3* && $output != *other* ]]
    queue list
    exits 0
    [[ $output = *waiting.q:2* && $output = *other.q:1* ]]
    queue list --json
    exits 0
    [ "$(jq -s length <<<"$output")" = 2 ]
}

@test "queue show finds the jobs of a file that are held or rejected, and lines that only mention it" {
    echo hello | land 'my file'
    mkdir -p "$root/.queue/held" "$root/.queue/rejected"
    echo 'store my%20file 6 1' >"$root/.queue/held/h.q"
    printf '%s\n' "# x.q:1:1: found node 'n9', expected another" 'store my%20file 6 1 n9' '# y.q:1:1: bad' 'store my%20file six 1' \
        'store my%20file2 six 1' 'store my%20file2 6 1' >"$root/.queue/rejected/r.q"
    echo 'remove n1 00/00/x 6 path=my%20file' | queue_file remove.q
    queue show "$files/my file"
    exits 0
    [ "$(grep -c '^[a-z]* [^ ]*\.q:' <<<"$output")" = 4 ]
    grep -q '^ready remove.q:1 ' <<<"$output"
    grep -q '^held held/h.q:1 ' <<<"$output"
    grep -A 1 '^rejected rejected/r.q:2 ' <<<"$output" | grep -q "found node 'n9'"
    grep -A 1 '^rejected rejected/r.q:4 ' <<<"$output" | grep -q 'y.q:1:1: bad'
    queue show --json 'my file'
    exits 0
    [ "$(jq -s length <<<"$output")" = 4 ]
}

@test "queue add counts a last line without newline, and queues nothing in a dry run" {
    printf 'store a 1 1\n# a comment\n\nstore b 1 1' >"$lab/lines"
    nodespool queue add --dry-run -C "$root" <"$lab/lines"
    exits 0
    [ "$output" = 'would queue 2 jobs and reject 0 lines' ]
    jobs_are 0
    nodespool queue add --json -C "$root" <"$lab/lines"
    exits 0
    [ "$(jq -c '[.queued, .rejected]' <<<"$output")" = '[2,0]' ]
    jobs_are 2
    queue add --first --last
    exits 64
}

@test "queue retry makes deferred jobs ready" {
    echo hello | land file
    store_line file not-before=4000000000 attempts=2 since=1000000000 | queue_file later.q
    store
    exits 0
    is_not_stored file
    queue retry
    exits 0
    jobs_are 1 '^store file .*since=1000000000'
    store
    exits 0
    everything_is_stored
}
