#!/usr/bin/env bats
# list-node: what real servers hold, and what is told of those that do not answer.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

list_node() { nodespool list-node -C "$root" "$@"; }

# Nodes n1 (vsftpd), n2 (pure-ftpd, with the flags given) and n3 (a directory).
configure_three() { # [FLAG...]
    need_servers
    configure ftp file file
    start_pure_ftpd_node "$lab/n2" "$@" || return
    echo ftp >"$lab/n2/kind"
    write_configuration
}

# A file on a node, for the server's user too.
place() { # NODE NAME
    local path=$lab/$1/root/$2
    mkdir -p "${path%/*}"
    cat >"$path"
    chown -R nodespool-test: "$lab/$1/root"
}

@test "every kind of node tells names, sizes and times" {
    configure_three -L 1000000:20
    for node in n1 n2 n3; do
        echo hello | place $node '61/47/a b'
        printf '' | place $node 'ünïcödé %'
        touch -d @1580702706 "$lab/$node/root/61/47/a b"
    done
    list_node n1 n2 n3
    exits 0
    diff <(sort <<<"$output") <(printf '%s\n' n{1,2,3}\ {61/47/a%20b,ünïcödé%20%25} | sort)
    list_node -l n1 n2 n3
    exits 0
    [ "$(grep -c '^n[123] 61/47/a%20b 6 1580702706.000000000$' <<<"$output")" = 3 ]
    awk 'NF != 4 { exit 1 }' <<<"$output"
    logs 'node=n1 files=2 bytes=6 result=listed'
    list_node -q -l n3
    exits 0
    [ -z "$log" ]
    list_node --json n1 n2 n3
    exits 0
    [ "$(jq -c 'select(.name == "61/47/a%20b") | [.node, .size, .mtime]' <<<"$output" | sort | xargs)" = \
        '[n1,6,1580702706.000000000] [n2,6,1580702706.000000000] [n3,6,1580702706.000000000]' ]
    list_node -v n1 n2 n3
    exits 0
    logs 'node=n1 feature=SIZE'
    logs 'node=n2 feature="?MLST type'
    logs 'node=n3 feature="file system type'
}

@test "what store sent is what list-node finds" {
    configure_three
    upload_many f 60
    store
    exits 0
    list_node --sort n1 n2 n3
    exits 0
    diff <(echo "$output") <(held_copies)
    [ "$(wc -l <<<"$output")" = 60 ]
}

@test "--sort prints the byte order of encoded names, in text and JSON, also of more than fits in memory" {
    configure file
    for i in {1..70000}; do
        echo "$((i * 7919 % 70001))/$i$RANDOM"
    done >"$lab/names"
    (cd "$lab/n1/root" && touch 'a!' a 'a"' 'a b' 'a.b' 'ä' '\' Z && cut -d / -f 2 "$lab/names" | xargs touch)
    list_node n1
    exits 0
    [ "$(wc -l <<<"$output")" -gt 60000 ]
    LC_ALL=C sort <<<"$output" >"$lab/expected"
    list_node --sort n1
    exits 0
    cmp <(echo "$output") "$lab/expected"
    list_node --sort --json n1
    exits 0
    cmp <(jq -r '"n1 " + .name' <<<"$output") "$lab/expected"
}

@test "a node that is down is an error and status 75, and the others are still listed" {
    configure_three
    echo 1 | place n1 one
    echo 3 | place n3 three
    stop_server "$lab/n2"
    list_node -l n2 n1 n3
    exits 75
    [ "$(cut -d ' ' -f 1,2 <<<"$output" | xargs)" = 'n1 one n3 three' ]
    logs ' error ' 'node=n2' 'result=not-listed' 'failure=node-down'
    rm -r "$lab/n3/root"
    list_node --sort n3 n1
    exits 75
    [ "$output" = 'n1 one' ]
    logs 'node=n3' 'failure=node-down'
    # A wrong password is no empty node either, and no password is told.
    sed -i 's/^url = ftp:\/\/\([^:]*\):[^@]*@/url = ftp:\/\/\1:wrong-secret@/' "$root/.cluster.conf"
    list_node n1
    exits 75
    [ -z "$output" ]
    [[ $log != *wrong-secret* ]]
}

@test "a list that the server cuts off is not taken for the whole" {
    configure_three -L 20:20
    for i in {1..40}; do
        : >"$lab/n2/root/$i"
    done
    list_node n2
    exits 75
    logs 'runcated to 20 matches'
    [ -n "$output" ]
    list_node --sort n2
    exits 75
    logs 'runcated'
}

@test "a directory that the server may not read is an error, not an empty one" {
    configure_three
    for node in n1 n2; do
        echo 1 | place $node open/file
        echo 2 | place $node closed/file
        chown -R root "$lab/$node/root/closed"
        for mode in 711 700; do
            chmod $mode "$lab/$node/root/closed"
            list_node $node
            exits 75
            logs "node=$node" closed
        done
    done
}

@test "an empty node is an empty list" {
    configure_three
    list_node n1 n2 n3
    exits 0
    [ -z "$output" ]
}

@test "a wrong use is told: an unknown node, none at all, a full disk, a reader that goes away" {
    configure file file
    : >"$lab/n1/root/file"
    list_node n1 n7
    exits 64
    [ -z "$output" ]
    logs "unknown node 'n7'; the configuration has n1, n2"
    list_node
    exits 64
    status=0
    "$bin/list-node" -C "$root" n1 >/dev/full 2>"$lab/err" || status=$?
    [ "$status" = 74 ]
    status=0
    TMPDIR=/nowhere "$bin/list-node" -C "$root" --sort n1 >"$lab/out" 2>"$lab/err" || status=$?
    [ "$status" = 0 ] # so little needs no temporary
    mapfile -t names < <(seq 100000)
    (cd "$lab/n1/root" && printf '%s\n' "${names[@]}" | xargs touch)
    ("$bin/list-node" -C "$root" n1 2>"$lab/err" || echo $? >"$lab/status") | head -n 1
    [ "$(<"$lab/status")" = 74 ]
    not grep -v result=listed "$lab/err"
}

@test "a sort that fails is an error, never a short list" {
    configure file
    mapfile -t names < <(seq -f '%0100.0f' 60000)
    (cd "$lab/n1/root" && printf '%s\n' "${names[@]}" | xargs touch)
    mkdir "$lab/path"
    printf '#!/bin/sh\n/usr/bin/sort | head -n 100\n' >"$lab/path/sort"
    chmod +x "$lab/path/sort"
    PATH=$lab/path:$PATH list_node --sort n1
    exits 74
    logs 'cannot sort with sort'
    printf '#!/bin/sh\necho "sort: No space left on device" >&2\nexit 2\n' >"$lab/path/sort"
    PATH=$lab/path:$PATH list_node --sort n1
    exits 74
    logs 'No space left on device'
    [ -z "$output" ]
}

@test "200,000 files are listed and sorted in bounded memory" {
    configure file
    mkdir "$lab/n1/root/many" "$lab/n1/root/few"
    (cd "$lab/n1/root/few" && seq -f 'file-%06.0f' 1000 | xargs touch)
    (cd "$lab/n1/root/many" && seq -f 'a-rather-long-name-as-copies-have-them-%06.0f' 200000 | xargs touch)
    # In KiB; time(1) counts the larger of the program and its sort(1), which has a bound of its own.
    peak_of() {
        /usr/bin/time -q -f %M -o "$lab/kib" "$@" >"$lab/stdout" && cat "$lab/kib"
    }
    base=$(peak_of "$bin/list-node" --version)
    plain=$(peak_of "$bin/list-node" -q -l -C "$root" n1)
    sorted=$(peak_of "$bin/list-node" -q -l --sort -C "$root" n1)
    echo "KiB: $base for nothing, $plain listed, $sorted sorted"
    ((plain - base < 16 * 1024))
    ((sorted - base < 64 * 1024))
    list_node --sort n1
    exits 0
    [ "$(wc -l <<<"$output")" = 201000 ]
    LC_ALL=C sort -c <<<"$output"
}
