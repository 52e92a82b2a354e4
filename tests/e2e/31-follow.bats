#!/usr/bin/env bats
# upload-hook --follow: uploads become jobs without a hook in the server, and what it did not see is made good.

load helpers
load lease

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

@test "uploads that are finished by link and unlink are queued, and nothing that is no finished file" {
    configure file
    echo whole >"$lab/original/whole"
    echo other >"$lab/original/other"
    follow
    echo first | land first
    jobs_come_to 1 '^upload first '
    cp "$lab/original/whole" "$files/whole.part"
    ln "$files/whole.part" "$files/whole"
    rm "$files/whole.part"
    jobs_come_to 1 '^upload whole 0 6 '
    # Somebody still writes to this one; and what a link leads to is no upload.
    exec {writer}>"$files/half.part"
    echo half >&"$writer"
    ln "$files/half.part" "$files/half"
    ln -s whole "$files/link"
    mkfifo "$files/fifo"
    # Made last, so that all others have been looked at when this one is.
    cp "$lab/original/other" "$lab/other"
    ln "$lab/other" "$files/other"
    jobs_come_to 1 '^upload other 0 6 '
    jobs_are 0 '^upload (half|link|fifo) '
    exec {writer}>&-
    jobs_come_to 1 '^upload half.part '
    rm "$files/half" "$files/half.part" "$files/link" "$files/fifo"
    stop_following
    exits 0
    store
    is_stored first whole other
}

@test "a link whose writers the kernel does not tell of is queued when it has rested" {
    [ "$(id -u)" = 0 ] || skip "needs root, to be one user who may not ask about another's files"
    cluster_lines='quiet = 3' configure file
    chmod 777 "$files"
    setpriv --bounding-set=-lease "$bin/upload-hook" -C "$root" --follow -v >"$lab/follow.stdout" 2>"$lab/follow.log" 3>&- &
    follower=$!
    echo first | land first
    jobs_come_to 1 '^upload first '
    echo whole >"$lab/original/whole"
    cp "$lab/original/whole" "$lab/whole"
    chown nobody "$lab/whole"
    ln "$lab/whole" "$files/whole"
    linked=$(date +%s%N)
    jobs_come_to 1 '^upload whole [1-9][0-9]* 6 '
    (($(date +%s%N) - linked >= 3000000000)) || fail 'it had not rested'
    stop_following
    exits 0
}

@test "uploads over SFTP that the client renames when they are complete" {
    local server=/usr/lib/openssh/sftp-server
    [ -x "$server" ] || fail "there is no $server"
    configure file
    follow
    echo first | land first
    jobs_come_to 1 '^upload first '
    head -c 300000 /dev/urandom >"$lab/original/plain"
    cp "$lab/original/plain" "$lab/original/posix"
    # `rename` is an extension of OpenSSH, `rename -l` what the protocol knows: link and unlink, in its server.
    printf '%s\n' "put $lab/original/posix $files/posix.filepart" "rename $files/posix.filepart $files/posix" \
        "put $lab/original/plain $files/plain.filepart" "rename -l $files/plain.filepart $files/plain" >"$lab/batch"
    sftp -D "$server" -b "$lab/batch" >"$lab/sftp.log" 2>&1 || fail "$(cat "$lab/sftp.log")"
    jobs_come_to 1 '^upload posix [0-9]+ 300000 '
    jobs_come_to 1 '^upload plain [0-9]+ 300000 '
    stop_following
    exits 0
    store
    is_stored first plain posix
}

# A disk that fails at the first three openings of `bad`. The program is the child, strace is not.
follow_through_bad_disk() {
    strace -D -f -qq -o "$lab/calls" -P bad -e trace=openat2 -e inject=openat2:error=EIO:when=1..3 \
        "$bin/upload-hook" -C "$root" --follow -v >"$lab/follow.stdout" 2>"$lab/follow.log" 3>&- &
    follower=$!
    jobs_come_to 1 '^upload before '
}

@test "an upload that cannot be opened holds up no other, and is queued when it can be" {
    configure file
    echo before | land before
    follow_through_bad_disk
    # In one group with it, and after it.
    kill -STOP "$follower"
    echo bad | land bad
    echo beside | land beside
    kill -CONT "$follower"
    jobs_come_to 1 '^upload beside '
    wait_for 15 has_logged follow 'cannot open bad: Input/output error; trying again' || fail "$(cat "$lab/follow.log")"
    jobs_are 0 '^upload bad '
    echo later | land later
    jobs_come_to 1 '^upload later '
    jobs_come_to 1 '^upload bad '
    stop_following
    exits 0
    # However often it was tried.
    [ "$(grep -c INJECTED "$lab/calls")" = 3 ]
    [ "$(count_logged 'cannot open bad')" = 1 ]
}

@test "a file that the scan at the start cannot look at holds up nothing, and is scanned for again" {
    configure file
    echo bad | land bad
    echo before | land before
    follow_through_bad_disk
    jobs_are 0 '^upload bad '
    echo later | land later
    jobs_come_to 1 '^upload later '
    jobs_come_to 1 '^upload bad '
    stop_following
    exits 0
    [ "$(count_logged 'cannot open bad.*trying again')" = 1 ]
}

@test "an upload under a write lease is queued when it is given back, and is no error" {
    configure file
    echo leased | land leased
    hold_lease "$files/leased"
    follow
    echo later | land later
    jobs_come_to 1 '^upload later '
    jobs_are 0 '^upload leased '
    give_lease_back
    jobs_come_to 1 '^upload leased '
    stop_following
    exits 0
    logs_no 'Resource temporarily unavailable'
}

@test "a spool that is replaced ends it, and the next start queues what went astray" {
    configure file
    follow
    echo one | land one
    jobs_come_to 1
    mv "$root/.queue" "$root/.moved"
    mkdir -m 2770 "$root/.queue"
    echo two | land two
    wait_for 15 has_logged follow 'was replaced' || fail "$(cat "$lab/follow.log")"
    finish follow "$follower"
    follower=
    exits 74
    logs "$root/\.queue was replaced while this program ran: start it again"
    logs_no 'result=queued.*file=two'
    follow
    jobs_come_to 1 '^upload two '
    stop_following
    exits 0
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
