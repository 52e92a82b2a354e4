#!/usr/bin/env bats
# nodes: the table, probes of real servers, and the operator's marks.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

# `nodes` with the cluster already named; also the name of the list of nodes, which is a variable.
nodes() { nodespool nodes "$@" -C "$root"; }

row() { # NODE: its line of the table that was printed last
    grep -E "^$1 " <<<"$output" || fail "no row $1: $output"
}

# No password stands in what was printed or logged, or in what is kept of the nodes' health.
no_password_is_shown() { # PASSWORD
    not grep -rqF "$1" "$lab/log" "$root/.state" || return
    [[ $output != *"$1"* && $log != *"$1"* ]] || fail "the password is shown"
}

nothing_is_on() { # NODE...
    local node
    for node; do
        [ -z "$(find "$lab/$node/root" -type f)" ] || fail "left on $node: $(find "$lab/$node/root" -type f)" || return
    done
}

probe_passed() { # NODE
    grep -qE "^$1 ok  login [0-9.]+ ms  write [0-9.]+ ms  read [0-9.]+ ms  delete [0-9.]+ ms$" <<<"$output" ||
        fail "$1 has not passed: $output"
}

@test "the table tells state, copies, bytes, limits and URLs of all nodes" {
    node_lines='weight = 3' configure file file
    echo 12345 | upload d/a
    echo 1234567 | upload b
    store
    exits 0
    nodes
    exits 0
    [ "$(head -n 1 <<<"$output" | xargs)" = 'NODE STATE COPIES BYTES CONN WEIGHT URL LAST-ERROR' ]
    [ "$(wc -l <<<"$output")" = 3 ]
    [[ $(row n1 | xargs) =~ ^n1\ [a-z]+\ 1\ [68]\ 4\ 3\ file://$lab/n1/root\ -$ ]]
    [[ $(row n2 | xargs) =~ ^n2\ [a-z]+\ 1\ [68]\ 4\ 3\ file://$lab/n2/root\ -$ ]]
    # The columns are aligned.
    [ "$(awk '{ print index($0, $7) }' <<<"$output" | sort -u | wc -l)" = 1 ]
    nodes list --json
    exits 0
    [ "$(jq -sc '[.[] | [.node, .copies, .connections, .weight, .mark]]' <<<"$output")" = \
        '[["n1",1,4,3,null],["n2",1,4,3,null]]' ]
    [ "$(jq -s '[.[].bytes] | add' <<<"$output")" = 14 ]
}

@test "a node that nobody has talked to is unknown; marked and recorded ones that are not configured are shown" {
    configure file file
    printf '# who knows\nold draining\n' >"$root/.nodes"
    echo content | upload f
    echo "upload f 0 8 $(mtime_of "$files/f") n1" >"$root/.queue/1.q"
    store
    sed -i 's/^server n1 .*/&\nserver elsewhere 00\/00\/x/' "$root/.links/f"
    rm -rf "$root/.state/health"
    nodes
    exits 0
    [[ $(row n2 | xargs) =~ ^n2\ unknown\ 0\ 0\  ]]
    [ "$(row old | xargs)" = 'old unconfigured,draining 0 0 - - - -' ]
    [ "$(row elsewhere | xargs)" = 'elsewhere unconfigured 1 8 - - - -' ]
}

@test "a link file that cannot be read is told, and the others are counted" {
    configure file
    echo content | upload f
    store
    echo nonsense >"$root/.links/g"
    nodes
    exits 74
    logs "$root/.links/g:1: "
    [[ $(row n1 | xargs) =~ ^n1\ [a-z]+\ 1\ 8\  ]]
}

@test "a probe logs in, writes, reads back and deletes on each kind of node, and leaves nothing" {
    need_servers
    configure ftp file
    start_pure_ftpd_node "$lab/n3"
    printf '[node.n3]\nurl = %s\n' "$(server_url "$lab/n3")" >>"$root/.cluster.conf"
    nodes probe
    exits 0
    [ "$(grep -c ' ok ' <<<"$output")" = 3 ]
    probe_passed n1
    probe_passed n2
    probe_passed n3
    # What an FTP server says it can do.
    [ "$(awk '/^n1/ { n = 1; next } /^n/ { n = 0 } n' <<<"$output" | grep -c .)" -gt 2 ]
    grep -q '^ *.*MDTM' <<<"$output"
    nothing_is_on n1 n2 n3
    [ -z "$(find "$root/.state" -name 'sending-*')" ]
    no_password_is_shown "$(<"$servers_home/password")"
    nodes
    [[ $(row n3 | xargs) =~ ^n3\ up\ 0\ 0\ .*\ -$ ]]
    [[ $(row n3) == *"ftp://$servers_user@"* ]]
    no_password_is_shown "$(<"$servers_home/password")"

    nodes probe n2 n1 n2 --json
    exits 0
    [ "$(jq -sc '[.[] | [.node, .ok]]' <<<"$output")" = '[["n2",true],["n1",true]]' ]
    jq -se 'all(."login-ms" >= 0 and ."write-ms" > 0 and ."read-ms" > 0 and ."delete-ms" > 0)' <<<"$output"
    jq -se '.[1].features | length > 2' <<<"$output"
}

@test "a node that is down fails its probe, the others pass, and the table remembers" {
    need_servers
    configure ftp file
    nodes probe
    exits 0
    stop_server "$lab/n1"
    nodes probe
    exits 75
    probe_passed n2
    grep -qE '^n1 FAILED  n1: .*(refused|connect)' <<<"$output"
    no_password_is_shown "$(<"$servers_home/password")"
    nodes
    exits 0
    [[ $(row n1 | xargs) =~ ^n1\ down\ .*\ [0-9]+\ s\ ago:\ n1:\  ]]
    [[ $(row n2 | xargs) =~ ^n2\ up\ .*\ -$ ]]
    nodes --json
    jq -se '.[0] | .state == "down" and ."last-success-time" < ."last-error-time" and .by == "nodes"' <<<"$output"
    nodes probe n1 --json
    exits 75
    jq -e '.ok == false and .failure == "node-down" and (.error | startswith("n1: "))' <<<"$output"
    start_vsftpd "$lab/n1"
    nodes probe
    exits 0
    nodes
    [[ $(row n1 | xargs) =~ ^n1\ up\ .*\ ago:\ n1:\  ]]
    no_password_is_shown "$(<"$servers_home/password")"
}

@test "a wrong password is told as such, and neither it nor the right one is ever shown" {
    need_servers
    configure ftp file
    password=$(<"$servers_home/password")
    sed -i "s/:$password@/:not-the-pass-word@/" "$root/.cluster.conf"
    grep -q not-the-pass-word "$root/.cluster.conf"
    nodes probe
    exits 75
    grep -qE '^n1 FAILED  n1: .*530' <<<"$output"
    probe_passed n2
    no_password_is_shown not-the-pass-word
    no_password_is_shown "$password"
    nodes probe --json
    exits 75
    no_password_is_shown not-the-pass-word
    nodes
    exits 0
    [[ $(row n1) == *530* ]]
    no_password_is_shown not-the-pass-word
    no_password_is_shown "$password"
    nodes --json
    no_password_is_shown not-the-pass-word
}

@test "a directory that is not there, is full, or refuses fails its probe with the reason" {
    need_servers # root, for the mount
    configure file file file
    rmdir "$lab/n1/root"
    mount_tiny "$lab/n2/root" 8k
    head -c 8192 /dev/zero >"$lab/n2/root/fill" || true
    nodes probe
    exits 75
    grep -qE '^n1 FAILED  n1: .*No such file' <<<"$output"
    grep -qE '^n2 FAILED  .*No space' <<<"$output"
    probe_passed n3
    nodes
    [[ $(row n1 | xargs) =~ ^n1\ down\  ]]
    [[ $(row n2 | xargs) =~ ^n2\ full\  ]]
    [ "$(find "$lab/n2/root" -type f -printf %P)" = fill ]
}

@test "marks are set, shown and taken away; comments in the file stay" {
    configure file file file
    echo '# n2: new disk on Monday' >"$root/.nodes"
    nodes drain n1
    exits 0
    logs result=marked node=n1 mark=draining before=none
    nodes readonly n2 n3
    exits 0
    [ "$(<"$root/.nodes")" = $'# n2: new disk on Monday\nn1 draining\nn2 read-only\nn3 read-only' ]
    nodes
    [[ $(row n1 | xargs) =~ ^n1\ unknown,draining\  ]]
    [[ $(row n2 | xargs) =~ ^n2\ unknown,read-only\  ]]
    nodes resume n1 n2 --json
    exits 0
    [ "$(jq -sc . <<<"$output")" = \
        '[{"node":"n1","mark":"none","before":"draining"},{"node":"n2","mark":"none","before":"read-only"}]' ]
    [ "$(<"$root/.nodes")" = $'# n2: new disk on Monday\nn3 read-only' ]
    nodes drain n3
    logs result=marked node=n3 mark=draining before=read-only
    [ "$(stat -c %a "$root/.nodes")" = 664 ]
}

@test "a name that is not configured marks nothing, a mark left behind can be taken away" {
    configure file file
    nodes drain n1 m2
    exits 64
    logs "found node 'm2', expected one of the configuration: n1, n2"
    [ ! -e "$root/.nodes" ]
    nodes probe m2
    exits 64
    nodes resume m2
    exits 64
    nodes drain
    exits 64
    echo 'm2 draining' >"$root/.nodes"
    nodes readonly m2
    exits 64
    nodes resume m2
    exits 0
    [ -z "$(<"$root/.nodes")" ]
}

@test "a dry run marks nothing" {
    configure file
    snapshot "$root" >"$lab/before"
    nodes drain -n n1
    exits 0
    [ "$output" = 'n1: none now, would be marked draining' ]
    snapshot "$root" | diff "$lab/before" -
}

@test "a .nodes that cannot be understood is an error that names the line, and stays as it is" {
    configure file file
    printf 'n1 draining\nn2 sleeping\n' >"$root/.nodes"
    for words in 'list' 'drain n1' 'resume n1' 'probe'; do
        # shellcheck disable=SC2086  # words
        nodes $words
        exits 78
        logs "$root/.nodes:2: found 'sleeping', expected draining or read-only"
    done
    [ "$(<"$root/.nodes")" = $'n1 draining\nn2 sleeping' ]
}

@test "marks set by forty operators at once are all there" {
    configure file file file file file
    for i in {1..40}; do
        "$bin/nodes" drain -q -C "$root" "n$((i % 5 + 1))" 3>&- &
        "$bin/nodes" readonly -q -C "$root" "n$((i % 5 + 1))" 3>&- &
    done
    wait
    [ "$(grep -cE '^n[1-5] (draining|read-only)$' "$root/.nodes")" = 5 ]
    [ "$(wc -l <"$root/.nodes")" = 5 ]
    [ -z "$(find "$root" -type f -name '*.tmp')" ]
}

@test "a read-only node is probed without being written to" {
    configure file
    nodes readonly n1
    snapshot "$lab/n1/root" >"$lab/before"
    nodes probe
    exits 0
    [[ $(head -n 1 <<<"$output") =~ ^n1\ ok\ \ login\ [0-9.]+\ ms\ \ \(read-only:\ not\ written\ to\)$ ]]
    snapshot "$lab/n1/root" | diff "$lab/before" -
}
