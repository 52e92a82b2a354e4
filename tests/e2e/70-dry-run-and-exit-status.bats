#!/usr/bin/env bats
# --dry-run changes nothing and tells everything; exit statuses, and what is refused before any work is done.

load helpers

setup() {
    make_lab
}
teardown() { drop_lab; }

# --- dry run ---------------------------------------------------------------------------------------------------------

@test "store --dry-run changes nothing on disk or node and says line by line what would happen" {
    need_servers
    configure ftp ftp
    # A cluster with a past, so that there is something that could be changed: a killed run, a stored file, a mark in a queue file.
    head -c 24M /dev/urandom | upload killed
    start_store background --limit-rate 8M
    wait_for 10 a_copy_has_begun
    kill -KILL "$pid"
    wait "$pid" || true
    echo stored | upload stored
    store --only stored
    exits 0
    upload_many f 3
    echo stale | upload stale
    echo 'stale no more' >"$files/stale"
    echo later | land later
    {
        store_line later not-before=4000000000
        echo 'nonsense 1 2'
        echo 'store gone 1 1'
        echo 'remove n1 00/00/x 5'
    } >"$root/.queue/by-hand.q"
    touch -d '-1 minute' "$root/.queue/by-hand.q"
    wait_for 10 all_servers_are_idle

    trees=("$root" "$files" "$lab/n1/root" "$lab/n2/root")
    snapshot "${trees[@]}" >"$lab/before"
    stored_so_far=$(grep -hcE 'FTP command.*"(STOR|DELE|MKD|RNFR|RNTO|APPE) ' "$lab"/n?/vsftpd.log | xargs)
    store --dry-run
    snapshot "${trees[@]}" >"$lab/after"
    diff "$lab/before" "$lab/after"
    [ "$(grep -hcE 'FTP command.*"(STOR|DELE|MKD|RNFR|RNTO|APPE) ' "$lab"/n?/vsftpd.log | xargs)" = "$stored_so_far" ]

    everything="$output"$'\n'"$log"
    for i in 1 2 3; do
        grep -E "f000$i" <<<"$everything" | grep -E 'n[12]' || fail "nothing is said of f000$i: $everything"
    done
    grep -E 'killed' <<<"$everything" | grep -E 'n[12]'
    grep -E 'stale' <<<"$everything"
    grep -E 'by-hand\.q:2' <<<"$everything" | grep -E 'nonsense|reject'

    # What it said is what happens.
    store
    exits 65
    is_stored f0001 f0002 f0003 killed
}
a_copy_has_begun() { [ -n "$(find "${nodes[@]/#/$lab/}" -path '*/root/*' -type f -size +0)" ]; }
# The servers have noticed that the killed client is gone.
all_servers_are_idle() {
    local node
    for node in "${nodes[@]}"; do
        server_is_idle "$lab/$node" || return
    done
}

@test "store -n on a cluster that has no spool and no state yet makes none" {
    configure file
    snapshot "$lab" >"$lab.before"
    "$bin/store" -C "$root" -n
    snapshot "$lab" >"$lab.after"
    mv "$lab.before" "$lab/before"
    mv "$lab.after" "$lab/after"
    diff "$lab/before" "$lab/after"
}

@test "store --dry-run takes no lock: it reads what another store works on" {
    configure file file
    for i in {01..20}; do
        head -c 100000 /dev/urandom | land "slow$i"
    done
    upload_hook "$files"/slow*
    start_store background --limit-rate 1M
    wait_for 10 a_copy_has_begun
    store -n
    exits 0
    grep -E slow20 <<<"$output$log"
    finish_store background "$pid"
    exits 0
    everything_is_stored
}

@test "the other programs change nothing with --dry-run either" {
    cluster_lines='quiet = 1'
    configure file
    for name in a b c; do
        echo "$name" | land "$name"
    done
    find "$files" -type f -exec touch -d '-1 hour' {} +
    mkdir "$root/.queue"
    store_line c not-before=4000000000 >"$root/.queue/later.q"
    snapshot "$root" "$files" >"$lab/before"
    upload_hook --dry-run "$files/a"
    exits 0
    [[ $output$log = *a* ]]
    wait_for 15 dry_scan_would_queue b
    exits 0
    store_line a >"$lab/line"
    nodespool queue add --dry-run -C "$root" <"$lab/line"
    exits 0
    queue retry --dry-run
    exits 0
    snapshot "$root" "$files" >"$lab/after"
    diff "$lab/before" "$lab/after"
}

dry_scan_would_queue() {
    upload_hook --dry-run --scan
    grep -E "would-queue.*file=$1( |$)" <<<"$output$log"
}

@test "reading programs leave no trace" {
    configure file
    echo a | upload a
    store
    echo b | upload b
    snapshot "$lab/cluster" "$files" >"$lab/before"
    list -l -r
    list --json -r
    queue status
    queue status --json
    queue list
    queue list --json
    snapshot "$lab/cluster" "$files" >"$lab/after"
    diff "$lab/before" "$lab/after"
}

# --- exit status -----------------------------------------------------------------------------------------------------

@test "nothing to do is a success" {
    configure file
    store
    exits 0
    list -r
    exits 0
    queue status
    exits 0
    upload_hook --scan
    exits 0
}

@test "wrong use exits 64 and says what is wrong" {
    configure file
    store --no-such-option
    exits 64
    [[ $log = *no-such-option* ]]
    store -j 0
    exits 64
    store -j x
    exits 64
    store --limit-rate fast
    exits 64
    store operand
    exits 64
    nodespool queue
    exits 64
    nodespool queue frobnicate
    exits 64
    [[ $log = *frobnicate* ]]
    nodespool upload-hook -C "$root"
    exits 64
}

@test "a configuration that is wrong exits 78 and says where" {
    nodespool store -C "$lab/nowhere"
    exits 78
    (cd "$lab" && nodespool store && exits 78)
    configure file
    cp "$root/.cluster.conf" "$lab/good.conf"
    for line in 'no-such-key = 1' '[no-such-section]' '[node.n1]' '[node.bad name]' 'connections = many' 'connections = 0' 'url = gopher://host/' 'nonsense' 'weight = 1e3'; do
        cp "$lab/good.conf" "$root/.cluster.conf"
        echo "$line" >>"$root/.cluster.conf"
        store
        exits 78
        [[ $log = *.cluster.conf:$(wc -l <"$root/.cluster.conf"):* ]] || fail "no file and line for '$line': $log"
    done
    cp "$lab/good.conf" "$root/.cluster.conf"
    store
    exits 0
}

@test "a cluster that others can write to is refused, saying which user and mode" {
    configure file
    echo hello | upload file
    for path in "$root/.queue" "$root/.cluster.conf" "$root"; do
        mode=$(stat -c %a "$path")
        chmod o+w "$path"
        store
        [[ $status = 78 || $status = 77 ]] || fail "exit status $status for $path"
        [[ $log = *"$(stat -c %a "$path")"* && $log = *root* ]] || fail "no user and mode: $log"
        is_not_stored file
        chmod "$mode" "$path"
    done
    store
    exits 0
    everything_is_stored
}

@test "a password in the URL needs a configuration that nobody else can read" {
    need_servers
    configure ftp
    echo hello | upload file
    chmod 644 "$root/.cluster.conf"
    store
    exits 78
    [[ $log != *"$(<"$servers_home/password")"* ]]
    is_not_stored file

    # A password file instead.
    sed "s/^.*$//; 1s/^.*$/$(<"$servers_home/password")/; 2,\$d" "$root/.cluster.conf" >"$root/password"
    chmod 600 "$root/password"
    sed -i -E "s|^(url = ftp://[^:]*):[^@]*@|\1@|; \$a password-file = $root/password" "$root/.cluster.conf"
    store
    exits 0
    everything_is_stored
}

@test "rejected lines count more than resubmitted jobs" {
    configure file
    echo hello | land file
    mkdir -p "$root/.queue"
    rmdir "$lab/n1/root"
    { store_line file && echo nonsense; } >"$root/.queue/jobs.q"
    store
    exits 65
    jobs_are 1 '^store file .*attempts=1'
    queue retry
    store
    exits 75
}

@test "the cluster comes from -C, else the environment, else the current directory" {
    configure file
    echo hello | upload file
    (cd "$lab" && NODESPOOL_ROOT=/nonexistent nodespool list -C cluster && [ "$output" = file ])
    (cd / && NODESPOOL_ROOT=$root nodespool list && [ "$output" = file ])
    (cd "$root" && nodespool list && [ "$output" = file ])
}

@test "store --json prints one object a job" {
    configure file file
    upload_many f 5
    echo stale | upload stale
    echo 'stale no more' >"$files/stale"
    store --json
    exits 0
    [ "$(jq -s 'map(select(.result == "stored")) | length' <<<"$output")" = 5 ]
    [ "$(jq -s 'map(select(.result == "stale" and .file == "stale")) | length' <<<"$output")" = 1 ]
    [ "$(jq -r 'select(.file == "f0001") | [(.job | test("\\.q:1$")), (.node | test("^n[12]$")), .bytes] | @csv' <<<"$output")" = 'true,true,17' ]
}

@test "every program has --help and --version" {
    for program in upload-hook store queue list; do
        nodespool "$program" --help
        exits 0
        [[ $output = usage:* && $output = *"nodespool $program"* ]]
        nodespool "$program" -h
        exits 0
        nodespool "$program" --version
        exits 0
        [[ $output = "nodespool-$program "* ]]
    done
}

@test "a reader of a list that goes away early is no disaster" {
    configure file
    upload_many f 300
    "$bin/list" -C "$root" -l -r 2>"$lab/list.err" | head -n 1
    [ ! -s "$lab/list.err" ]
}

@test "a reader of store --json that goes away ends the output, not the run" {
    configure file file
    upload_many f 200
    "$bin/store" -C "$root" --json 2>"$lab/store.log" | head -n 1 >"$lab/first"
    [ "$(wc -l <"$lab/first")" = 1 ]
    store
    exits 0
    everything_is_stored
}
