#!/usr/bin/env bats
# Nodes with TLS and by SFTP: every program works on them, nothing goes to a server that is not the right one, and no password
# is seen.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

list_node() { nodespool list-node -C "$root" "$@"; }
probe() { nodespool nodes probe -C "$root" "$@"; }

# The section of NODE from now on: its kind's URL, then these lines.
configured_with() { # NODE LINE...
    local node=$1
    shift
    printf '%s\n' "url = $(server_url "$lab/$node" "$servers_user")" "$@" >"$lab/$node/section"
    write_configuration
}

secret_file() { # NAME CONTENT
    (umask 077 && printf '%s\n' "$2" >"$root/$1")
}

# What FILE was uploaded as is still here, its job waits, and the node holds nothing.
nothing_went_to() { # NODE FILE
    exits 75
    is_not_stored "$2" && jobs_are 1 "^(upload|store) $2 " || return
    [ -z "$(find "$lab/$1/root" -type f)" ] || fail "$1 holds $(find "$lab/$1/root" -type f)"
}

# Jobs that were resubmitted run now, and everything is stored.
works_again() {
    queue retry
    exits 0
    store
    exits 0
    everything_is_stored && nothing_is_left_over
}

# --- every program ---------------------------------------------------------------------------------------------------

@test "store, list-node, check, probe, replicate, delete and remove work with TLS and by SFTP" {
    configure tls ftps sftp
    upload_many "dir-" 30
    head -c 3000000 /dev/urandom | upload "a large one"
    store
    exits 0
    everything_is_stored
    the_nodes_are_even_within 2
    list_node n1 n2 n3
    exits 0
    diff <(sort <<<"$output") <(held_copies)
    check
    exits 0
    probe
    exits 0
    [ "$(grep -cE '^n[123] ok ' <<<"$output")" = 3 ]
    (cd "$lab/original" && ls) | while read -r file; do
        replicate_line "$file" copies=3
    done | sed 's/a large one/a%20large%20one/' | add_jobs
    replicate
    exits 0
    every_file_has_copies 3
    delete dir-0001 "a large one"
    exits 0
    rm "$lab/original/dir-0001" "$lab/original/a large one"
    remove
    exits 0
    every_file_has_copies 3
}

@test "a file is replicated from a node with TLS to one by SFTP, and back" {
    configure ftps sftp
    for node in n1 n2; do
        head -c 1000000 /dev/urandom | land "from $node"
        store_line "from $node" $node
    done | add_jobs
    store
    exits 0
    [ "$(nodes_of "from n1") $(nodes_of "from n2")" = "n1 n2" ]
    for node in n1 n2; do
        replicate_line "from $node"
    done | add_jobs
    replicate
    exits 0
    every_file_has_copies 2
}

# --- whom it trusts --------------------------------------------------------------------------------------------------

@test "nothing goes to a server whose certificate another authority signed, until that is trusted" {
    configure tls
    new_ca "$lab/other"
    configured_with n1 "tls = require" "ca-file = $lab/other/ca.pem" "password-file = $servers_home/password"
    echo content | upload f
    store
    nothing_went_to n1 f
    logs node=n1 'certificate'
    not grep -qE '"(USER|PASS) ' "$lab/n1/vsftpd.log"
    configured_with n1 "tls = require" "ca-file = $(server_ca)" "password-file = $servers_home/password"
    works_again
}

@test "tls-verify = no trusts any certificate, and each run warns" {
    configure ftps
    configured_with n1 "tls-verify = no" "password-file = $servers_home/password"
    echo content | upload f
    store
    exits 0
    logs warning node=n1 tls-verify
    everything_is_stored
    store --dry-run
    logs_no tls-verify
}

@test "tls = require sends neither user nor password to a server without TLS, tls = try goes on" {
    configure ftp
    configured_with n1 "tls = require" "password-file = $servers_home/password"
    echo content | upload f
    store
    nothing_went_to n1 f
    logs node=n1 failure=node-down 'encrypt|TLS'
    grep -q '"AUTH TLS"' "$lab/n1/vsftpd.log"
    not grep -qE '"(USER|PASS) ' "$lab/n1/vsftpd.log"
    configured_with n1 "tls = try" "password-file = $servers_home/password"
    works_again
}

@test "tls = try encrypts where the server can" {
    configure tls
    configured_with n1 "tls = try" "ca-file = $(server_ca)" "password-file = $servers_home/password"
    echo content | upload f
    store
    exits 0
    everything_is_stored
    grep -q '"AUTH TLS"' "$lab/n1/vsftpd.log" # which takes nothing without
}

@test "nothing goes to an SFTP server whose key is unknown or has changed, until it is known" {
    configure sftp
    cp "$lab/n1/known_hosts" "$lab/known_hosts"
    : >"$lab/n1/known_hosts"
    echo content | upload f
    store
    nothing_went_to n1 f
    logs node=n1 'ost key'
    [ ! -s "$lab/n1/known_hosts" ] # which is not learned either
    not grep -q 'Accepted' "$lab/n1/sshd.out"
    cp "$lab/known_hosts" "$lab/n1/known_hosts"
    stop_server "$lab/n1"
    new_host_key "$lab/n1"
    start_sshd "$lab/n1"
    queue retry
    store
    nothing_went_to n1 f
    logs node=n1 'ost key'
    not grep -q 'Accepted' "$lab/n1/sshd.out"
    read -r address port <"$lab/n1/address"
    echo "[$address]:$port $(cut -d' ' -f1,2 "$lab/n1/hostkey.pub")" >"$lab/n1/known_hosts"
    works_again
}

@test "a wrong password or key means that the node is down" {
    configure ftps sftp sftp
    secret_file wrong not-the-password
    ssh-keygen -q -t ed25519 -N '' -f "$lab/otherkey"
    configured_with n1 "ca-file = $(server_ca)" "password-file = wrong"
    configured_with n2 "known-hosts-file = $lab/n2/known_hosts" "ssh-config-file = /dev/null" "password-file = wrong"
    configured_with n3 "known-hosts-file = $lab/n3/known_hosts" "ssh-config-file = /dev/null" "identity-file = $lab/otherkey"
    for node in n1 n2 n3; do
        echo "for $node" | land "for $node"
        store_line "for $node" $node
    done | add_jobs
    store
    exits 75
    for node in n1 n2 n3; do
        logs node=$node failure=node-down
    done
    jobs_are 3
    logs_no not-the-password
    probe
    exits 75
    [ "$(grep -cE '^n[123] FAILED ' <<<"$output")" = 3 ]
}

# --- passwords -------------------------------------------------------------------------------------------------------

# Nodes n1 (explicit TLS), n2 (implicit TLS) and n3 (SFTP), each with its password from somewhere else.
configure_passwords() {
    local address
    configure tls ftps sftp
    secret_file secret "$(server_password)"
    read -r address _ <"$lab/n2/address"
    secret_file netrc "# nodes
machine elsewhere login $servers_user password wrong
machine $address login $servers_user password \"$(server_password)\""
    configured_with n1 "tls = require" "ca-file = $(server_ca)" "password-file = secret"
    configured_with n2 "ca-file = $(server_ca)" "netrc-file = netrc"
    configured_with n3 "known-hosts-file = $lab/n3/known_hosts" "ssh-config-file = /dev/null" \
        "password-command = echo fetched >>$lab/fetched; cat $root/secret"
}

# A password stands in none of these files.
no_password_in() { # FILE...
    not grep -raqF -e "$(server_password)" "$@" || fail "a password is in $(grep -ralF -e "$(server_password)" "$@")"
}

@test "passwords come from a file, a netrc file and a command, which runs once where nodes are asked" {
    configure_passwords
    upload_many f 12
    store --dry-run
    exits 0
    list
    queue status
    [ ! -e "$lab/fetched" ]
    store -v
    exits 0
    everything_is_stored
    the_nodes_are_even_within 0
    [ "$(wc -l <"$lab/fetched")" = 1 ]
    no_password_in "$lab/log" "$root/.state" "$root/.links"
}

@test "a password that cannot be had stops the program before anything is done, and the place is told" {
    configure_passwords
    echo content | upload f
    configured_with n3 "known-hosts-file = $lab/n3/known_hosts" "password-command = cat $root/secret; exit 4"
    line=$(grep -n '^password-command' "$root/.cluster.conf" | cut -d: -f1)
    store
    exits 78
    logs "\\.cluster\\.conf:$line: the password command of node n3 failed: exit status 4"
    no_password_in "$lab/log"
    jobs_are 1
    chmod 640 "$root/netrc"
    configured_with n3 "known-hosts-file = $lab/n3/known_hosts" "password-file = secret"
    store
    exits 78
    logs 'netrc .* can be read by others than its owner'
    is_not_stored f
}

# Command lines and environments of a process and all that descend from it, as ps and /proc show them.
look_at_processes() { # PROCESS
    local process
    for process in $(servers_tree "$1"); do
        tr '\0' '\n' <"/proc/$process/cmdline" || true
        tr '\0' '\n' <"/proc/$process/environ" || true
        ps -ww -o args= -p "$process" || true
        readlink "/proc/$process/exe" || true
    done 2>/dev/null >>"$lab/seen"
}

@test "no password is in a command line, an environment, a log or JSON while files are moved" {
    configure_passwords
    for i in 1 2 3; do
        head -c 2000000 /dev/urandom | upload "f$i"
    done
    start_store running --json -v --limit-rate 3M
    store_process=$pid
    # shellcheck disable=SC2317  # called by wait_for
    files_are_on_their_way() {
        look_at_processes "$store_process"
        [ -n "$(find "$lab/n1/root" -type f -size +0)" ] && [ -n "$(find "$lab/n3/root" -type f -size +0)" ]
    }
    wait_for 20 files_are_on_their_way
    for _ in {1..10}; do
        look_at_processes "$store_process"
    done
    finish running "$store_process"
    exits 0
    everything_is_stored
    grep -qx "$bin/store" "$lab/seen"
    grep -qE '^(/usr)?/bin/ssh$' "$lab/seen"
    no_password_in "$lab/seen" "$lab/running.log" "$lab/running.stdout" "$root/.state" "$root/.links" "$root/.queue"
    nodespool nodes -C "$root" --json
    check --json
    no_password_in "$lab/log" "$root/.state"
    [[ $output != *"$(server_password)"* ]]
}
