#!/usr/bin/env bats
# upload-hook --follow: uploads become jobs without a hook in the server, and what it did not see is made good.

load helpers

setup() {
    make_lab
    cluster_lines='quiet = 1'
    follower=
}
teardown() {
    [ -z "$follower" ] || kill -KILL "$follower" 2>/dev/null || true
    drop_lab
}

follow() {
    start follow upload-hook --follow -v
    follower=$pid
}

stop_following() {
    kill -TERM "$follower"
    finish follow "$follower"
    follower=
}

jobs_come_to() { # COUNT [PATTERN]
    # shellcheck disable=SC2317  # called by wait_for
    have_come() { [ "$(jobs_waiting | grep -acE -e "${2:-.}")" = "$1" ]; }
    wait_for 15 have_come "$@" || fail "expected $1 jobs ${2-}, found: $(jobs_waiting)"
}

@test "uploads are queued as they are finished: written, moved into place, in new directories" {
    configure file
    echo before | land before
    mkdir -p "$files/old"
    follow
    jobs_come_to 1 '^upload before '
    echo one | land one
    echo two | land 'old/two words'
    echo three | land new/deep/three
    jobs_come_to 4
    echo four >"$files/four.part"
    mkdir -p "$lab/original"
    cp "$files/four.part" "$lab/original/four"
    mv "$files/four.part" "$files/four"
    jobs_come_to 1 '^upload four '
    stop_following
    exits 0
    store
    is_stored before one 'old/two words' new/deep/three four
    nodes_and_links_agree
}

@test "a file that is being written is queued when its writer ends, not before" {
    configure file
    follow
    exec {writer}>"$files/slow"
    echo first >&"$writer"
    echo other | land other
    jobs_come_to 1 '^upload other '
    jobs_are 0 '^upload slow '
    echo second >&"$writer"
    exec {writer}>&-
    jobs_come_to 1 '^upload slow 0 13 '
    stop_following
    exits 0
}

@test "what came while nobody followed is found at the next start, and nothing is queued twice" {
    configure file
    follow
    echo one | land one
    jobs_come_to 1
    kill -KILL "$follower"
    wait "$follower" || true
    echo two | land two
    follow
    # It is not quiet yet when the follower starts: it is looked at again.
    jobs_come_to 2
    stop_following
    exits 0
    jobs_are 1 '^upload one '
    jobs_are 1 '^upload two '
}

@test "a burst of uploads goes into few queue files, none is missed" {
    configure file
    follow
    echo first | land first
    jobs_come_to 1
    kill -STOP "$follower" # so that all of them wait for it
    for i in {1..500}; do
        mkdir -p "$files/d$((i % 7))"
        echo "$i" >"$files/d$((i % 7))/f$i"
    done
    kill -CONT "$follower"
    distinct_jobs_are() { [ "$(jobs_waiting | awk '{ print $2 }' | sort -u | wc -l)" = 501 ]; }
    wait_for 30 distinct_jobs_are || fail "found $(jobs_waiting | awk '{ print $2 }' | sort -u | wc -l) jobs"
    [ "$(find "$root/.queue" -name '*.q' | wc -l)" -le 10 ]
    stop_following
    exits 0
}

@test "a full spool is waited for, and no upload is forgotten" {
    [ "$(id -u)" = 0 ] || fail 'needs root, to mount a small file system'
    configure file
    mkdir -p "$root/.queue"
    mount_tiny "$root/.queue" 64k
    head -c 1M /dev/zero >"$root/.queue/.full.tmp" 2>/dev/null || true
    follow
    echo one | land one
    wait_for 15 has_logged follow 'trying again' || fail "$(cat "$lab/follow.log")"
    rm "$root/.queue/.full.tmp"
    jobs_come_to 1 '^upload one '
    stop_following
    exits 0
}

@test "links, hidden names and the cluster's own files are not queued" {
    configure file
    mkdir -p "$lab/outside"
    echo secret >"$lab/outside/file"
    follow
    ln -s "$lab/outside" "$files/link"
    echo x >"$lab/outside/another"
    echo x >"$files/.hidden"
    echo x >"$files/.nodespool-0123"
    mkfifo "$files/fifo"
    echo last | land last
    jobs_come_to 1 '^upload last '
    stop_following
    exits 0
    jobs_are 1
}

@test "uploads over FTP to a server without a hook" {
    configure file
    start_vsftpd "$lab/uploads" "local_root=$files"
    chown "$(stat -c %u:%g "$lab/uploads/root")" "$files"
    follow
    head -c 300000 /dev/urandom >"$lab/original/photo"
    curl -sS -T "$lab/original/photo" "$(server_url "$lab/uploads")album/photo" --ftp-create-dirs
    jobs_come_to 1 '^upload album/photo [0-9]+ 300000 '
    stop_following
    exits 0
    mkdir -p "$lab/original/album" && mv "$lab/original/photo" "$lab/original/album/photo"
    store
    is_stored album/photo
    stop_server "$lab/uploads"
}

@test "bad usage is refused, and a file space that goes away ends it" {
    configure file
    upload_hook --follow --scan
    exits 64
    logs 'exclude each other'
    upload_hook --follow "$files/a"
    exits 64
    upload_hook --follow -n
    exits 64
    logs 'has no dry run'
    follow
    echo one | land one
    jobs_come_to 1
    mv "$files" "$files.away"
    finish follow "$follower"
    follower=
    exits 74
    logs "watch .*: No such file"
}
