#!/usr/bin/env bats
# A real small file system that is full: the cluster root's, the file space's, a node's. Each program says so, ends with the
# right exit status and loses nothing; once there is room, the next run does what is left.

# shellcheck disable=SC2317  # functions that are handed over by name

load helpers

setup() {
    need_servers # root, for the mounts
    make_lab
    background=()
}
teardown() {
    # Who still works on a small disk would keep it from being taken away.
    [ ${#background[@]} = 0 ] || kill -KILL "${background[@]}" 2>/dev/null || true
    wait
    drop_lab # unmounts
}

# --- small disks -----------------------------------------------------------------------------------------------------

# An empty one on DIR, of a kind: `blocks` and `inodes` are tmpfs, where bytes or names run out; `ext4` is an image, where it
# is bytes, and space is found only when it is written.
small_disk() { # KIND DIR
    mkdir -p "$2"
    case $1 in
        blocks) mount_tiny "$2" 1M ;;
        inodes) mount_tiny "$2" 8M,nr_inodes=250 ;; # what follows the size goes to tmpfs as it is
        ext4)
            command -v mkfs.ext4 >/dev/null || skip "cannot make an ext4 file system: there is no mkfs.ext4"
            truncate -s 4M "$lab/image"
            mkfs.ext4 -q -F -m 0 -O ^has_journal "$lab/image"
            mount -o loop "$lab/image" "$2" 2>/dev/null || skip "cannot mount an image: there is no loop device, or no ext4"
            ;;
    esac
}

# Fills the disk of DIR up to the last byte, or the last name.
fill_disk() { # KIND DIR
    local n=0 size
    mkdir -p "$2/ballast"
    if [ "$1" != inodes ]; then
        for size in 128k 1k; do # the smaller ones find what was too little for the larger ones
            dd if=/dev/zero of="$2/ballast/$size" bs=$size 2>/dev/null || true
            sync -f "$2"
        done
    fi
    while one_more_file "$1" "$2/ballast/$((n++))"; do
        ((n < 10000)) || fail "the disk of $2 does not become full" || return
    done
}
one_more_file() { # KIND FILE: an empty one, where names are to run out
    { [ "$1" = inodes ] || echo; } >"$2"
} 2>/dev/null
free_disk() { rm -r "$1/ballast"; } # DIR

# The program that ran last says that there is no space.
says_that_it_is_full() { logs 'No space left on device'; }

# --- the cluster root ------------------------------------------------------------------------------------------------

root_on() { # KIND NODE-KIND…: the configuration, with the cluster root on a small disk
    small_disk "$1" "$root"
    configure "${@:2}"
}
no_temporary_is_left() {
    local left
    left=$(find "$root/.queue" "$root/.links" -name '.*.tmp' 2>/dev/null || true)
    [ -z "$left" ] || fail "temporaries are left: $left"
}

a_hook_on_a_full_disk() { # KIND
    root_on "$1" file
    echo first | upload first
    fill_disk "$1" "$root"
    echo second | land second
    for _ in 1 2; do
        upload_hook "$files/second"
        exits 74
        says_that_it_is_full
        no_temporary_is_left
    done
    upload_hook --scan
    jobs_are 1
    free_disk "$root"
    upload_hook "$files/second"
    exits 0
    run_all_jobs
    every_file_has_copies 1
}
@test "upload-hook, no bytes left: nothing is queued, and the next call queues it" { a_hook_on_a_full_disk blocks; }
@test "upload-hook, no inodes left: nothing is queued, and the next call queues it" { a_hook_on_a_full_disk inodes; }
@test "upload-hook, ext4 full: nothing is queued, and the next call queues it" { a_hook_on_a_full_disk ext4; }

@test "a cluster that cannot even make its spool, or its catalogue, says so" {
    root_on inodes file
    fill_disk inodes "$root"
    echo content | land file
    upload_hook "$files/file"
    exits 73
    says_that_it_is_full
    free_disk "$root"
    upload_hook "$files/file"
    exits 0
    fill_disk inodes "$root"
    store
    exits 73
    says_that_it_is_full
    is_not_stored file
    free_disk "$root"
    run_all_jobs
    every_file_has_copies 1
}

store_on_a_full_disk() { # KIND
    root_on "$1" file ftp
    echo first | upload first
    run_all_jobs
    upload_many f 20
    echo 'upload nonsense' >"$root/.queue/1.q"
    fill_disk "$1" "$root"
    store
    exits 74
    says_that_it_is_full
    is_not_stored f{0001..0020}
    jobs_are 20 '^upload f'
    jobs_are 1 nonsense # there is no room to set it aside, so it stays
    free_disk "$root"
    store
    exits 65
    rm "$root"/.queue/rejected/*
    run_all_jobs
    every_file_has_copies 1
}
@test "store, no bytes left: no file leaves, and the next run stores them" { store_on_a_full_disk blocks; }
@test "store, no inodes left: no file leaves, and the next run stores them" { store_on_a_full_disk inodes; }
@test "store, ext4 full: no file leaves, and the next run stores them" { store_on_a_full_disk ext4; }

replicate_on_a_full_disk() { # KIND
    root_on "$1" file ftp file
    upload_many f 20
    run_all_jobs
    for i in {0001..0020}; do replicate_line "f$i" copies=3; done | add_jobs
    fill_disk "$1" "$root"
    replicate
    exits 74
    says_that_it_is_full
    has_copies 1 f{0001..0020}
    jobs_are 20 '^replicate '
    free_disk "$root"
    run_all_jobs
    every_file_has_copies 3
}
@test "replicate, no bytes left: no copy is recorded, and the next run makes them" { replicate_on_a_full_disk blocks; }
@test "replicate, no inodes left: no copy is recorded, and the next run makes them" { replicate_on_a_full_disk inodes; }
@test "replicate, ext4 full: no copy is recorded, and the next run makes them" { replicate_on_a_full_disk ext4; }

# What is queued needs no room to be done; what has to be queued first waits.
remove_on_a_full_disk() { # KIND
    root_on "$1" file ftp
    upload_many f 30
    run_all_jobs
    delete f{0001..0010}
    exits 0
    echo stray >"$lab/n1/root/stray"
    echo 'remove n1 stray 6' | add_jobs
    fill_disk "$1" "$root"
    remove
    exits 74
    says_that_it_is_full
    [ "$(find "$root/.deleted" -type f | wc -l)" = 10 ]
    [ ! -e "$lab/n1/root/stray" ]
    [ "$(held_copies | wc -l)" = 30 ]
    free_disk "$root"
    rm "$lab/original"/f00{01..10}
    run_all_jobs
    every_file_has_copies 1
}
@test "remove, no bytes left: what was deleted waits, and the next run removes it" { remove_on_a_full_disk blocks; }
@test "remove, no inodes left: what was deleted waits, and the next run removes it" { remove_on_a_full_disk inodes; }
@test "remove, ext4 full: what was deleted waits, and the next run removes it" { remove_on_a_full_disk ext4; }

queue_on_a_full_disk() { # KIND
    root_on "$1" file ftp
    upload_many f 10
    stop_server "$lab/n2"
    mv "$lab/n1/root" "$lab/n1/away"
    store
    exits 75
    jobs_are 10 not-before=
    mv "$lab/n1/away" "$lab/n1/root"
    start_vsftpd "$lab/n2"
    fill_disk "$1" "$root"
    jobs_waiting | sort >"$lab/before"

    # A job that cannot be queued is not said to be.
    echo new | land new
    queue add < <(store_line new)
    exits 74
    says_that_it_is_full
    [ -z "$output" ]
    jobs_waiting | sort | diff "$lab/before" -
    # Nor does a bad line vanish.
    queue add <<<'remove n9 name 1'
    exits 74
    says_that_it_is_full

    queue retry
    exits 74
    says_that_it_is_full
    jobs_waiting | sort | diff "$lab/before" -
    no_temporary_is_left

    queue filter --all upload sed 's/$/ colour=blue/'
    exits 74
    says_that_it_is_full
    jobs_waiting | sort | diff "$lab/before" -

    free_disk "$root"
    store_line new | add_jobs
    queue retry
    exits 0
    run_all_jobs
    every_file_has_copies 1
}
@test "queue add, retry and filter, no bytes left: the queue stays as it is" { queue_on_a_full_disk blocks; }
@test "queue add, retry and filter, no inodes left: the queue stays as it is" { queue_on_a_full_disk inodes; }
@test "queue add, retry and filter, ext4 full: the queue stays as it is" { queue_on_a_full_disk ext4; }

# A rename needs no room; what it needs besides is the directory. Either it is done, or nothing is.
delete_on_a_full_disk() { # KIND
    root_on "$1" file ftp
    upload_many f 10
    run_all_jobs
    echo newer | upload f0001
    fill_disk "$1" "$root"
    delete f0001 f0002
    if [ "$status" = 0 ]; then
        [ ! -e "$root/.links/f0001" ]
        [ ! -e "$root/.links/f0002" ]
        [ ! -e "$files/f0001" ]
    else
        exits 73
        says_that_it_is_full
        [ -e "$root/.links/f0001" ]
        [ -e "$root/.links/f0002" ]
        cmp "$files/f0001" "$lab/original/f0001"
    fi
    free_disk "$root"
    [ "$status" = 0 ] || delete f0001 f0002
    exits 0
    rm "$lab/original"/f000[12]
    run_all_jobs
    every_file_has_copies 1
}
@test "delete, no bytes left: it is done, or nothing is" { delete_on_a_full_disk blocks; }
@test "delete, no inodes left: it is done, or nothing is" { delete_on_a_full_disk inodes; }
@test "delete, ext4 full: it is done, or nothing is" { delete_on_a_full_disk ext4; }

# --- full while it runs ----------------------------------------------------------------------------------------------

some_are_stored() { [ "$(held_copies | wc -l)" -ge "$1" ]; }

becomes_full_while_store_runs() { # KIND
    root_on "$1" file ftp
    for i in {001..040}; do
        head -c 10000 /dev/urandom | land "f$i"
    done
    upload_hook "$files"/f*
    exits 0
    start_store background --limit-rate 150K # 3 s
    background=("$pid")
    wait_for 20 some_are_stored 5 || fail "nothing is stored: $(cat "$lab/background.log")"
    fill_disk "$1" "$root"
    finish_store background "$pid"
    background=()
    exits 74
    says_that_it_is_full
    # Each file is in the catalogue or still here, or both: its copy was recorded, and it waits to be taken away.
    [ "$(link_files -print | wc -l)" -lt 40 ]
    for i in {001..040}; do
        [ -e "$root/.links/f$i" ] || is_not_stored "f$i"
    done
    free_disk "$root"
    run_all_jobs
    every_file_has_copies 1
}
@test "the root's disk runs out of bytes while store runs: the rest is stored by the next run" {
    becomes_full_while_store_runs blocks
}
@test "the root's disk runs out of inodes while store runs: the rest is stored by the next run" {
    becomes_full_while_store_runs inodes
}
@test "the root's ext4 becomes full while store runs: the rest is stored by the next run" {
    becomes_full_while_store_runs ext4
}

@test "a disk that is full again and again while all processors follow loses nothing" {
    root_on blocks file ftp
    upload_many f 40
    run_all_jobs
    for program in store replicate remove; do
        start "$program" "$program" --follow
        background+=("$pid")
    done
    for round in {1..8}; do
        fill_disk blocks "$root"
        for i in {1..5}; do
            echo "content $round $i" | land "g$round$i"
            upload_hook "$files/g$round$i"
            [[ $status = 0 || $status = 74 ]] || fail "exit status $status: $log"
        done
        queue add < <(replicate_line "f000$round" copies=2)
        [[ $status = 0 || $status = 74 ]] || fail "exit status $status: $log" # a processor may have made a little room
        free_disk "$root"
        replicate_line "f000$round" copies=2 | add_jobs
        upload_hook "$files"/g"$round"* # whose first call failed, or that are not stored yet
    done
    kill -TERM "${background[@]}"
    wait "${background[@]}" || true
    background=()
    for program in store replicate remove; do
        not has_logged "$program" 'internal error'
    done
    [ -z "$(find "$files" -type f)" ] || upload_hook "$files"/*
    run_all_jobs
    has_copies 2 f000{1..8}
    has_copies 1 f00{09..40} g{1..8}{1..5}
    the_queue_is_empty
    nothing_is_left_over
}

# --- the file space, and everything on one disk ----------------------------------------------------------------------

# To take a file away needs no bytes and no inode; it does need room for one more name in its directory, and on ext4 a
# directory without such room does not get any on a full disk.
a_full_file_space_is_emptied() { # KIND
    small_disk "$1" "$files"
    configure file ftp
    upload_many f 20
    fill_disk "$1" "$files"
    store
    exits 0
    is_stored f{0001..0020}
    free_disk "$files"
    everything_is_stored
}
@test "a file space without bytes left is emptied by store" { a_full_file_space_is_emptied blocks; }
@test "a file space without inodes left is emptied by store" { a_full_file_space_is_emptied inodes; }
@test "a file space on a full ext4, whose directory has no room for another name, waits for some" {
    small_disk ext4 "$files"
    configure file ftp
    upload_many f 20
    fill_disk ext4 "$files"
    # What clients leave that go on trying: empty files, until their directory, one block, takes no more.
    local n=0 left now
    while : >"$files/client-$((n++))"; do ((n < 10000)) || fail "the directory does not become full"; done 2>/dev/null
    for _ in 1 2; do
        store
        exits 74
        says_that_it_is_full
        jobs_are 20 '^upload f'
        [ "$(find "$files" -name 'f*' | wc -l)" = 20 ]
        nodes_and_links_agree # they are stored, and not sent a second time
        has_copies 1 f{0001..0020}
    done
    rm "$files"/client-*
    # Now there is room, though not for all at once; each that goes makes some.
    for ((left = 20; left > 0; left = now)); do
        store
        now=$(find "$files" -name 'f*' | wc -l)
        ((now < left)) || fail "no run takes any of the $left files away"
    done
    exits 0
    is_stored f{0001..0020}
    free_disk "$files"
    everything_is_stored
}

@test "uploads that fill the disk on which the cluster root lies, too: nothing moves until there is a little room" {
    small_disk blocks "$lab/small"
    root=$lab/small/cluster files=$lab/small/upload
    mkdir "$root" "$files" "$files/sub"
    configure file ftp
    for i in 1 2 3; do
        head -c 200000 /dev/urandom | upload "f$i"
    done
    # The last one is broken off by the full disk; what is there of it is a file like any other.
    head -c 2M /dev/urandom | land sub/last || true
    cp "$files/sub/last" "$lab/original/sub/last"
    upload_hook "$files/sub/last"
    exits 74
    says_that_it_is_full
    store
    exits 74
    says_that_it_is_full
    is_not_stored f1 f2 f3 sub/last
    truncate -s -64K "$files/sub/last" # an operator makes a little room
    cp "$files/sub/last" "$lab/original/sub/last"
    store
    exits 0
    is_stored f1 f2 f3
    upload_hook "$files/sub/last"
    exits 0
    run_all_jobs
    everything_is_stored
}

# --- a node ----------------------------------------------------------------------------------------------------------

a_full_node() { # KIND
    configure file
    small_disk "$1" "$lab/n1/root"
    upload_many old 5
    run_all_jobs
    fill_disk "$1" "$lab/n1/root"
    upload_many f 20
    store
    exits 75
    [ "$(count_logged 'result=resubmitted .*(No space left|full)')" = 20 ]
    is_not_stored f{0001..0020}
    jobs_are 20 attempts=1
    [ "$(held_copies | grep -vc ' ballast/')" = 5 ]
    # What is to go, goes: that needs no room.
    delete old0001 old0002
    remove
    exits 0
    rm "$lab/original"/old000[12]
    free_disk "$lab/n1/root"
    run_all_jobs
    every_file_has_copies 1
}
@test "the only node, no bytes left: the uploads wait, and no half copy stays" { a_full_node blocks; }
@test "the only node, no inodes left: the uploads wait, and no half copy stays" { a_full_node inodes; }
@test "the only node on a full ext4: the uploads wait, and no half copy stays" { a_full_node ext4; }

replicate_to_a_full_node() { # KIND
    configure ftp file
    five_stored_on_n1
    small_disk "$1" "$lab/n2/root"
    fill_disk "$1" "$lab/n2/root"
    for i in {1..5}; do replicate_line "f$i" copies=2; done | add_jobs
    replicate
    exits 75
    [ "$(count_logged 'result=resubmitted .*(No space left|full)')" = 5 ]
    has_copies 1 f{1..5}
    jobs_are 5 '^replicate .* attempts=1'
    free_disk "$lab/n2/root"
    run_all_jobs
    every_file_has_copies 2
}
five_stored_on_n1() { # f1…f5
    for i in {1..5}; do
        head -c 3000 /dev/urandom | land "f$i"
        store_line "f$i" n1
    done | add_jobs
    store
    exits 0
}
@test "replicate to a node without bytes left: the jobs wait" { replicate_to_a_full_node blocks; }
@test "replicate to a node without inodes left: the jobs wait" { replicate_to_a_full_node inodes; }
@test "replicate to a node on a full ext4: the jobs wait" { replicate_to_a_full_node ext4; }
