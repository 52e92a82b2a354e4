#!/usr/bin/env bats
# Nodes that take fewer connections than the configuration says: they get fewer for a while, and no job pays for it.

load helpers

setup() {
    need_servers
    make_lab
    occupant=
    node_lines='connections = 8'
}
teardown() {
    let_go
    drop_lab
}

# A vsftpd as n1 that takes COUNT connections at once.
node_that_takes() { # COUNT
    configure ftp
    stop_server "$lab/n1"
    start_vsftpd "$lab/n1" "max_clients=$1"
}

# Another client's connections to n1, until let_go: of a process of its own, as a program that is started would inherit them.
occupy() { # COUNT
    local address port
    read -r address port < <(server_address "$lab/n1")
    (
        for ((i = 0; i < $1; i++)); do
            exec {socket}<>"/dev/tcp/$address/$port"
            read -r greeting <&"$socket"
            echo "$greeting" >>"$lab/greetings"
        done
        exec sleep 600
    ) 3>&- 4>&- &
    occupant=$!
    wait_for 10 are_greeted "$1"
}

are_greeted() { # COUNT
    [ "$(grep -c ^220 "$lab/greetings" 2>/dev/null)" = "$1" ]
}

let_go() {
    [ -z "$occupant" ] || kill "$occupant"
    occupant=
}

logins() {
    grep -c 'OK LOGIN' "$lab/n1/vsftpd.log"
}

has_stored() { # COUNT: files that are on n1
    (($(find "$lab/n1/root" -type f | wc -l) >= $1))
}

@test "a server that takes two connections is used with two of eight, and every file is stored at once" {
    node_that_takes 2
    upload_many f 300
    store -j 8
    exits 0
    everything_is_stored
    nothing_is_left_over
    logs result=fewer-connections node=n1 reason=.*421
    logs_no 'result=(node-failed|resubmitted)'
    (($(logins) >= 2))
}

@test "connections that were refused are asked for again once the node has worked" {
    node_that_takes 4
    occupy 3
    upload_many f 800
    start_store background -j 8
    wait_for 30 has_stored 50
    [ "$(logins)" = 1 ]
    let_go
    finish_store background "$pid"
    exits 0
    everything_is_stored
    logs result=fewer-connections node=n1 connections=1
    logs_no 'result=(node-failed|resubmitted)'
    (($(logins) >= 2)) || fail "$(logins) logins"
}

@test "a server that refuses every connection is taken for a node that fails" {
    node_that_takes 2
    occupy 2
    upload_many f 20
    store -j 8
    exits 75
    logs result=node-failed node=n1 reason=.*421
    jobs_are 20 ' attempts=1( |$)'
    let_go
    wait_for 10 server_is_idle "$lab/n1"
    queue retry
    store
    exits 0
    everything_is_stored
}
