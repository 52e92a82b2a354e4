#!/usr/bin/env bats
# What killed runs were sending is taken from the nodes by the next run, whatever one of their logs is like.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

# The log of a run that is gone, which was sending NAME to n1.
dead_log() { # NAME
    mkdir -p "$root/.state" "$lab/n1/root/07/08"
    chmod 2770 "$root/.state"
    echo half >"$lab/n1/root/07/08/$1"
    echo "n1 07/08/$1 $1 10 1.000000000" >"$root/.state/sending-h-$1-x.log"
}

@test "a sending log that cannot be read keeps no other from being settled" {
    [ "$(id -u)" = 0 ] || skip "root alone can mount"
    configure file file
    for name in a b c; do
        dead_log "$name"
    done
    mount --bind "/proc/$$/mem" "$root/.state/sending-h-b-x.log" 2>/dev/null || skip "cannot mount a file here"
    store
    exits 74
    logs 'cannot read .*/\.state/sending-h-b-x\.log: Input/output error'
    logs '1 of 3 sending logs'
    [ "$(find "$lab/n1/root" -type f)" = "$lab/n1/root/07/08/b" ]
    [ "$(find "$root/.state" -name 'sending-*')" = "$root/.state/sending-h-b-x.log" ]
    umount "$root/.state/sending-h-b-x.log"
    store
    exits 0
    [ -z "$(find "$lab/n1/root" -type f)" ]
    nothing_is_left_over
}
