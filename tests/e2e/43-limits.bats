#!/usr/bin/env bats
# Processes with few threads, little memory, few descriptors. They do their work, or say which limit it was and end with 74;
# nothing is lost, and the next run without the limit does the rest.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

# A user whom nobody else runs anything as.
lonely=64997

need_root() {
    [ "$(id -u)" = 0 ] || skip "root alone can become another user"
}

# Like `nodespool`, with limits that prlimit(1) sets: `limited --nofile=64:64 store`.
limited() { # LIMIT PROGRAM [ARG...]
    local limit=$1 program=$2
    shift 2
    run_logged timeout 120 prlimit "$limit" -- "$bin/$program" "$@"
}
lonely_limited() { # LIMIT PROGRAM [ARG...]
    local limit=$1 program=$2
    shift 2
    run_logged timeout 120 setpriv --reuid=$lonely --clear-groups prlimit "$limit" -- "$bin/$program" "$@"
}

# The last program ended with one of these, and where it is 74, a line says which limit it was.
ends_with_or_names_its_limit() { # STATUSES WORDS
    [[ " 74 $1 " == *" $status "* ]] || fail "exit status $status: $log" || return
    [[ $status != 7[34] ]] || logs "$2" || return
    logs_no 'internal error|terminate called'
}

a_sound_run_heals() {
    store
    exits 0
    everything_is_stored && nothing_is_left_over
}

# --- threads ---------------------------------------------------------------------------------------------------------

threads='cannot start a thread \(limits: ulimit -u'

@test "with too few threads store, check and probe do all or say so, and lose nothing" {
    need_root
    need_servers
    configure ftp file
    # A name to look up, which has a thread of its own, and is this address.
    section_of n1 | sed 's|@127\.0\.0\.|@127.|' >"$lab/n1/section"
    write_configuration
    upload_many f 12
    chown -R $lonely "$root" "$files" "$lab/n2"
    chmod 711 "$lab/n1"
    local most done=0 refused=0
    for most in 0 1 2 3 4 5 6 8 12; do
        lonely_limited --nproc=$most store -C "$root" -j 3
        ends_with_or_names_its_limit '0 75' "$threads"
        case $status in
            74) ((++refused)) ;;
            *) ((++done)) ;;
        esac
        lonely_limited --nproc=$most check -C "$root"
        ends_with_or_names_its_limit '0 75' "$threads"
        lonely_limited --nproc=$most nodes probe -C "$root"
        ends_with_or_names_its_limit 0 "$threads"
    done
    [[ $refused -gt 1 && $done -gt 1 ]]
    a_sound_run_heals
}

@test "with too few threads replicate and remove do all or say so" {
    need_root
    configure file file file
    upload_many f 12
    store
    exits 0
    local name most
    for name in "$files/../original"/*; do
        replicate_line "${name##*/}" copies=3
    done | add_jobs
    chown -R $lonely "$root" "$files" "$lab"/n?
    for most in 0 2 3 4 5 6 8; do
        lonely_limited --nproc=$most replicate -C "$root"
        ends_with_or_names_its_limit 0 "$threads"
    done
    replicate
    exits 0
    has_copies 3 f0001 f0007 f0012
    delete "$files/f0001" "$files/f0002"
    exits 0
    chown -R $lonely "$root" "$lab"/n?
    for most in 0 2 4 6; do
        lonely_limited --nproc=$most remove -C "$root"
        ends_with_or_names_its_limit 0 "$threads"
    done
    run_all_jobs
    the_queue_is_empty
    nothing_is_left_over
}

# --- memory ----------------------------------------------------------------------------------------------------------

@test "with too little memory store, replicate and check do all or say so, and lose nothing" {
    configure file file
    upload_many f 8
    local most program done=0 refused=0
    for most in 24 32 40 48 56 64 72 80 96 128 256; do # MiB of addresses
        upload_many "g$most-" 2
        for program in store replicate check; do
            limited --as=$((most << 20)) $program -C "$root"
            # 127: the programs' libraries could not even be loaded.
            [[ " 0 74 75 127 " == *" $status "* ]] || fail "$program in $most MiB: exit status $status: $log"
            logs_no 'internal error|terminate called'
            case $status in
                74) ((++refused)) ;;
                0) ((++done)) ;;
            esac
        done
    done
    [[ $refused -gt 1 && $done -gt 1 ]]
    a_sound_run_heals
}

# --- descriptors -----------------------------------------------------------------------------------------------------

descriptors='Too many open files \(limit: ulimit -n'

@test "64 descriptors are enough for everything" {
    need_servers
    configure ftp file file
    upload_many f 120
    land g
    limited --nofile=64:64 store -C "$root" -q
    exits 0
    everything_but_is_stored g
    rm "$files/g" "$lab/original/g"
    upload_many_unseen g 120
    cluster_lines='quiet = 0' write_configuration
    limited --nofile=64:64 upload-hook -C "$root" -q --scan
    exits 0
    jobs_are 120
    limited --nofile=64:64 store -C "$root" -q
    exits 0
    everything_is_stored
    for name in "$lab"/original/g*; do
        replicate_line "${name##*/}" copies=2
    done | limited --nofile=64:64 queue add -C "$root"
    limited --nofile=64:64 replicate -C "$root" -q
    exits 0
    limited --nofile=64:64 check -C "$root"
    exits 0
    limited --nofile=64:64 drain -C "$root" n2
    replicate
    limited --nofile=64:64 drain -C "$root" n2
    exits 0
    limited --nofile=64:64 delete -C "$root" -q -r .
    exits 0
    limited --nofile=64:64 remove -C "$root" -q
    exits 0
    the_queue_is_empty
    nothing_is_left_over
}

@test "with 20 descriptors or less every program says so, and loses nothing" {
    configure file file
    cluster_lines='quiet = 0' write_configuration
    upload_many f 40
    upload_many_unseen g 40
    local most program
    for most in 6 8 10 12 16 20; do
        for program in 'upload-hook --scan' store replicate remove check list 'queue status' 'queue list' 'nodes list' \
            'nodes probe' 'list-node n1' 'drain -n n1' 'delete -n -r .' 'queue retry'; do
            # shellcheck disable=SC2086  # words
            limited --nofile=$most:$most $program -C "$root"
            ends_with_or_names_its_limit '0 73 75' "$descriptors"
        done
    done
    upload_hook --scan
    a_sound_run_heals
}

# Uploads that no hook was told of.
upload_many_unseen() { # PREFIX COUNT
    local i name
    for ((i = 1; i <= $2; i++)); do
        printf -v name '%s%04d' "$1" "$i"
        echo "content of $name" | land "$name"
    done
}

everything_but_is_stored() { # NAME
    mv "$files/$1" "$lab/$1" && mv "$lab/original/$1" "$lab/$1.original"
    everything_is_stored || return
    mv "$lab/$1" "$files/$1" && mv "$lab/$1.original" "$lab/original/$1"
}
