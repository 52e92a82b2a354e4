#!/usr/bin/env bats
# Directories that are replaced under a program that runs: a catalogue that was restored from a backup, a file space that was
# mounted late, a queue or a root that was moved. The program ends and says so, nothing is lost, and started again it goes on.
# Where it is a node's directory, the files go elsewhere.

load helpers

setup() {
    make_lab
    following=
}
teardown() {
    [ -z "$following" ] || kill -KILL "$following" 2>/dev/null || true
    drop_lab
}

follow() { # PROGRAM
    start follow "$1" --follow
    following=$pid
}

# What an operator does to restore it, here from a backup of this moment.
back_up() { cp -a "$root/$1" "$lab/backup$1"; } # DIRECTORY
restore() { # DIRECTORY
    mv "$root/$1" "$lab/bad$1"
    mv "$lab/backup$1" "$root/$1"
}

has_ended() { [ ! -d "/proc/$1" ]; } # PID

ends_since_replaced() { # NAME PID PATH
    wait_for 20 has_ended "$2" || fail "it still runs: $(cat "$lab/$1.log")" || return
    [ "$2" != "$following" ] || following=
    finish "$1" "$2"
    exits 74 && logs "$3 was replaced while this program ran: start it again"
}

follower_ends_since_replaced() { ends_since_replaced follow "$following" "$1"; } # PATH

has_bytes_on() { [ -n "$(find "$lab/$1/root" -type f -size +0)" ]; } # NODE

@test "a catalogue that is restored under store --follow: what comes later is in the restored one" {
    configure file
    follow store
    echo one | upload one
    wait_for 10 test -e "$root/.links/one"
    wait_for 10 the_queue_is_empty
    back_up .links
    restore .links
    echo two | upload two
    follower_ends_since_replaced "$root/.links"
    is_not_stored two
    jobs_are 1 '^upload two '
    store
    exits 0
    is_stored one two
    everything_is_stored
    nothing_is_left_over
}

@test "a catalogue that is restored while store sends: the upload stays, and the copy goes" {
    configure file
    head -c 600000 /dev/urandom | upload big
    start_store sending --limit-rate 200k
    sending=$pid
    wait_for 20 has_bytes_on n1
    back_up .links
    restore .links
    ends_since_replaced sending "$sending" "$root/.links"
    is_not_stored big
    jobs_are 1 '^upload big '
    store
    exits 0
    is_stored big
    everything_is_stored
    nothing_is_left_over
}

@test "a catalogue that is restored under replicate --follow: copies are recorded in the restored one" {
    configure file file
    echo one | upload one
    echo two | upload two
    store
    exits 0
    follow replicate
    replicate_line one copies=2 | add_jobs
    wait_for 10 the_queue_is_empty
    back_up .links
    restore .links
    replicate_line two copies=2 | add_jobs
    follower_ends_since_replaced "$root/.links"
    jobs_are 1 '^replicate two '
    replicate
    exits 0
    every_file_has_copies 2
}

@test "a catalogue that is restored under remove --follow: no copy that it records is removed" {
    configure file
    echo one | upload one
    store
    exits 0
    back_up .links
    delete one
    exits 0
    mv "$root/.deleted" "$lab/deleted"
    follow remove
    mkdir -p "$lab/n1/root/00"
    echo stray >"$lab/n1/root/00/stray"
    echo 'remove n1 00/stray 6' | add_jobs
    wait_for 10 the_queue_is_empty
    restore .links
    mv "$lab/deleted"/* "$root/.deleted/"
    follower_ends_since_replaced "$root/.links"
    is_stored one
    remove
    exits 0
    is_stored one
    nothing_is_left_over
}

@test "a file space that is mounted under store --follow: no job is dropped for what lay below" {
    configure file
    follow store
    echo one | upload one
    wait_for 10 test -e "$root/.links/one"
    wait_for 10 the_queue_is_empty
    mount_tiny "$files" 1m
    echo two | upload two
    follower_ends_since_replaced "$files"
    is_not_stored two
    jobs_are 1 '^upload two '
    store
    exits 0
    is_stored one two
    the_queue_is_empty
}

@test "a queue, a root, a state directory that are replaced end a program that stays, at once" {
    local directory
    configure file
    for directory in .queue .state .links ''; do
        echo "$directory" | upload "before$directory"
        follow store
        wait_for 10 test -e "$root/.links/before$directory"
        wait_for 10 the_queue_is_empty
        if [ -n "$directory" ]; then
            back_up "$directory"
            restore "$directory"
        else
            cp -a "$root" "$lab/root"
            mv "$root" "$lab/bad"
            mv "$lab/root" "$root"
        fi
        follower_ends_since_replaced "$root${directory:+/$directory}"
    done
    store
    exits 0
    everything_is_stored
    nothing_is_left_over
}

@test "a directory of deleted files that is replaced ends remove --follow" {
    configure file
    follow remove
    mkdir -p "$lab/n1/root/00"
    echo stray >"$lab/n1/root/00/stray"
    echo 'remove n1 00/stray 6' | add_jobs
    wait_for 10 the_queue_is_empty
    back_up .deleted
    restore .deleted
    follower_ends_since_replaced "$root/.deleted"
    echo one | upload one
    store
    delete one
    remove
    exits 0
    rm "$lab/original/one"
    every_file_has_copies 0
}

@test "a file:// node whose directory is replaced while a file is sent to it does not have that file" {
    configure file file
    head -c 300000 /dev/urandom | upload large
    start_store sending --limit-rate 150K
    wait_for 20 has_bytes_on n1
    mv "$lab/n1/root" "$lab/moved"
    mkdir "$lab/n1/root"
    finish_store sending "$pid"
    exits 0
    logs 'another directory is at .*/n1/root'
    [ "$(nodes_of large)" = n2 ]
    everything_is_stored
    [ -z "$(find "$lab/moved" -type f)" ]
    nothing_is_left_over
}
