#!/usr/bin/env bats
# Placement policies: the examples of etc/policies, as nodespool-queue(1) shows them.

load helpers

setup() {
    make_lab
    configure file file file
    policies=$e2e_dir/../../etc/policies
    # Policies call `nodespool`.
    export PATH=$bin:$PATH
}
teardown() { drop_lab; }

# Uploads NAME, of SIZE bytes, by user UID.
upload_of() { # NAME SIZE UID
    head -c "$2" /dev/zero | land "$1"
    echo "upload $1 $3 $(size_of "$files/$1") $(mtime_of "$files/$1")" >>"$lab/lines"
}
queue_uploads() {
    nodespool queue add -C "$root" <"$lab/lines"
    exits 0
    rm "$lab/lines"
}

@test "by-owner: each user's files are on the nodes for that user" {
    for i in {1..4}; do
        upload_of "alice$i" 10 1001
        upload_of "bob$i" 10 1002
        upload_of "other$i" 10 1003
    done
    queue_uploads
    queue filter upload "$policies/by-owner" 1001=n1 1002=n2,n3
    exits 0
    jobs_are 4 '^upload alice[1-4] 1001 10 [0-9.]* n1 since='
    jobs_are 4 '^upload bob[1-4] 1002 10 [0-9.]* n2 n3 since='
    jobs_are 4 '^upload other[1-4] 1003 10 [0-9.]* since='
    queue filter upload "$policies/by-owner" 1001=n2 '*=n3'
    exits 0
    jobs_are 4 '^upload alice[1-4] .* n1 ' # was placed before
    jobs_are 4 '^upload other[1-4] .* n3 '
    store
    exits 0
    everything_is_stored
    for i in {1..4}; do
        [ "$(nodes_of "alice$i") $(nodes_of "other$i")" = 'n1 n3' ]
        [[ $(nodes_of "bob$i") = n[23] ]]
    done
}

@test "by-size: small files here, large files there" {
    for size in 0 999 1000 99999 100000 5000000; do
        upload_of "s$size" "$size" 0
    done
    queue_uploads
    # Beyond what 32 bits hold.
    echo 'upload huge 0 5000000000 1' | queue add
    queue filter upload "$policies/by-size" n1 1000=n2 100000=n3
    exits 0
    jobs_are 1 '^upload huge 0 5000000000 1 n3 '
    store
    for name in s0:n1 s999:n1 s1000:n2 s99999:n2 s100000:n3 s5000000:n3; do
        [ "$(nodes_of "${name%:*}")" = "${name#*:}" ] || fail "${name%:*} is on $(nodes_of "${name%:*}")"
    done
}

@test "least-used: the node with the fewest bytes takes the next file" {
    upload_of a 300000 0
    queue_uploads
    queue filter upload "$policies/least-used" n1 n2 n3
    exits 0
    store
    [ "$(nodes_of a)" = n1 ]
    upload_of b 200000 0
    upload_of c 250000 0
    upload_of d 100000 0
    upload_of e 10 0
    queue_uploads
    queue filter upload "$policies/least-used" n1 n2 n3
    exits 0
    # n1 has 300000; b to n2, c to n3, d to n2, which draws level: n3 is the emptiest.
    store
    exits 0
    everything_is_stored
    [ "$(nodes_of b) $(nodes_of c) $(nodes_of d) $(nodes_of e)" = 'n2 n3 n2 n3' ]
}

@test "least-used counts what waits for its nodes already" {
    upload_of a 300000 0
    queue_uploads
    queue filter upload "$policies/least-used" n1 n2
    exits 0
    upload_of b 100 0
    queue_uploads
    queue filter upload "$policies/least-used" n1 n2
    exits 0
    jobs_are 1 '^upload a .* n1 '
    jobs_are 1 '^upload b .* n2 '
}

@test "policies pass odd names, history and all other attributes on" {
    echo 1 | land 'a name with = 100% #1 ünï'
    upload_hook "$files/a name with = 100% #1 ünï"
    exits 0
    jobs_waiting >"$lab/before"
    echo 'upload deferred 0 1 1 copies=2 attempts=3 not-before=1 x=y since=5' | queue add
    for policy in 'by-owner *=n1' 'by-size n1 10=n2' 'least-used n1'; do
        # shellcheck disable=SC2086  # words
        queue filter --dry-run upload "$policies/"$policy
        exits 0
        grep -qE "^$(sed 's/[.]/\\./g' "$lab/before") n1 since=" <<<"$output"
        grep -qx 'upload deferred 0 1 1 n1 copies=2 attempts=3 not-before=1 x=y since=5' <<<"$output"
    done
}

@test "a policy that is wrongly called, or cannot see the catalogue, changes nothing" {
    upload_of a 10 0
    queue_uploads
    jobs_waiting >"$lab/before"
    for policy in by-owner 'by-owner n1' 'by-owner =n1' 'by-owner 1=' by-size 'by-size n1' 'by-size n1 x=n2' 'by-size n1 5' 'by-size 5=n1 6=n2' \
        least-used; do
        # shellcheck disable=SC2086  # words
        queue filter upload "$policies/"$policy
        exits 75
        logs_no result=filtered
        [[ $log = *'usage: '* ]] || fail "$policy: $log"
    done
    queue filter upload "$policies/by-owner" 0=n9
    exits 65
    [[ $log = *"found node 'n9'"* ]]
    mkdir -p "$root/.links" && echo garbage >"$root/.links/broken"
    queue filter upload "$policies/least-used" n1
    exits 75
    jobs_waiting | diff "$lab/before" -
}

@test "policies are POSIX shell, and run with mawk" {
    command -v shellcheck >/dev/null || skip 'needs shellcheck'
    shellcheck -s sh "$policies"/*
}
