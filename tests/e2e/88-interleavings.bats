#!/usr/bin/env bats
# The dangerous interleavings: what one program has begun while another changes the same file. Each is forced by a paused
# process, a frozen server or a kill at a chosen system call. After each, every live file has exactly its copies, with the
# right bytes, and there is nothing else anywhere.

# shellcheck disable=SC2317  # functions that are handed over by name

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

stored_on() { # NODE NAME: content is stdin
    land "$2"
    store_line "$2" "$1" | add_jobs
    store
    exits 0
    [ "$(nodes_of "$2")" = "$1" ]
}
replicated() { # NAME COPIES
    replicate_line "$1" "copies=$2" | add_jobs
    replicate
    exits 0
    has_copies "$2" "$1"
}
# A new version arrives as a client's does that writes over the file in place, or beside it and renames.
new_version() { # NAME in-place|renamed: content is stdin
    case $2 in
        in-place) upload "$1" ;;
        renamed)
            cat >"$lab/original/$1"
            cp "$lab/original/$1" "$files/.arriving"
            mv "$files/.arriving" "$files/$1"
            upload_hook "$files/$1"
            exits 0
            ;;
    esac
}
# What was saved before comes again, with the time that it had.
old_version_again() { # NAME SAVED
    cp -p "$2" "$lab/original/$1"
    cp -p "$2" "$files/$1"
    upload_hook "$files/$1"
    exits 0
}

held_count_is() { [ "$(held_copies | wc -l)" = "$1" ]; }
# A file of at least 1 byte that was not there before.
another_copy_has_begun() { # COUNT: of copies before
    [ "$(find "${nodes[@]/#/$lab/}" -path '*/root/*' -type f -size +0 | wc -l)" -gt "$1" ]
}
paused() { # PID: all its threads stand
    kill -STOP "$1"
    wait_for 10 eval "! grep -L '^State:.*T (stopped)' /proc/$1/task/*/status | grep -q ."
}
# Starts it slowly and pauses it in the middle of a transfer: $pid.
started_and_paused() { # NAME PROGRAM [ARG...]
    local before
    before=$(find "${nodes[@]/#/$lab/}" -path '*/root/*' -type f -size +0 | wc -l)
    start "$@" --limit-rate 4M
    wait_for 20 another_copy_has_begun "$before" || fail "no copy begins: $(cat "$lab/$1.log")" || return
    paused "$pid"
}
goes_on() { # NAME PID
    kill -CONT "$2"
    finish "$1" "$2"
    [[ $status = 0 || $status = 75 ]] || fail "$1 ended with $status: $log"
}

# --- a new version while the old one moves ---------------------------------------------------------------------------

v1_is_sent_while_v2_is_stored() { # in-place|renamed
    local sender
    configure ftp pure file
    head -c 12M /dev/urandom | upload file
    started_and_paused first store
    sender=$pid
    head -c 100k /dev/urandom | new_version file "$1"
    store
    goes_on first "$sender"
    run_all_jobs
    every_file_has_copies 1
}
@test "v1 is still being sent while v2, written over it, is stored" { v1_is_sent_while_v2_is_stored in-place; }
@test "v1 is still being sent while v2, renamed over it, is stored" { v1_is_sent_while_v2_is_stored renamed; }

@test "v1 is still being sent while v2 is stored, replicated, and its old copies are removed" {
    configure ftp pure file
    head -c 12M /dev/urandom | upload file
    started_and_paused first store
    sender=$pid
    for version in 2 3; do
        echo "version $version" | new_version file renamed
        store
        exits 0
        has_copies 1 file
        replicated file 2
        remove
        exits 0
    done
    goes_on first "$sender"
    logs_no result=stored
    run_all_jobs
    every_file_has_copies 2
}

@test "v1 is still being replicated while v2 is stored and replicated" {
    configure ftp pure file
    head -c 12M /dev/urandom | stored_on n1 file
    replicate_line file copies=3 | add_jobs
    started_and_paused first replicate
    sender=$pid
    head -c 2M /dev/urandom | new_version file renamed
    store
    exits 0
    replicated file 2
    remove
    exits 0
    goes_on first "$sender"
    logs_no result=replicated
    logs result=stale file=file
    run_all_jobs
    every_file_has_copies 2
}

@test "v1 is being replicated by two at once while v2 is stored" {
    configure file ftp pure ftp
    head -c 12M /dev/urandom | stored_on n1 file
    replicate_line file n2 >"$root/.queue/0.q"
    started_and_paused first replicate
    first=$pid
    replicate_line file n3 copies=2 >"$root/.queue/1.q"
    started_and_paused second replicate
    second=$pid
    head -c 2M /dev/urandom | new_version file in-place
    store
    exits 0
    goes_on second "$second"
    goes_on first "$first"
    run_all_jobs
    every_file_has_copies 1
}

# --- deleted meanwhile -----------------------------------------------------------------------------------------------

@test "a file is deleted while it is replicated" {
    configure ftp pure file
    echo other | stored_on n3 other
    head -c 12M /dev/urandom | stored_on n1 file
    replicate_line file copies=3 | add_jobs
    started_and_paused run replicate
    delete file
    exits 0
    goes_on run "$pid"
    logs_no result=replicated
    rm "$lab/original/file"
    run_all_jobs
    every_file_has_copies 1
}

@test "a file is deleted and removed from its nodes while it is replicated, and then the same version comes again" {
    configure ftp pure file
    head -c 12M /dev/urandom | stored_on n1 file
    cp -p "$lab/original/file" "$lab/saved"
    touch -r "$files" "$lab/saved" # any time that is not now
    cp -p "$lab/saved" "$files/file"
    upload_hook "$files/file"
    store
    exits 0
    remove
    exits 0
    replicate_line file copies=3 | add_jobs
    started_and_paused run replicate
    sender=$pid
    delete file
    remove
    exits 0
    old_version_again file "$lab/saved"
    store
    exits 0
    goes_on run "$sender"
    run_all_jobs
    # The job asked for three copies of a file of this size and time: they are its.
    every_file_has_copies 3
}

@test "a file is deleted while replicate has sent it but not recorded it" {
    configure file file
    echo content | stored_on n1 file
    replicate_line file | add_jobs
    # Stands before the second copy's link file is renamed into place.
    strace -f -qq -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:delay_enter=3000000 \
        -o "$lab/calls" "$bin/replicate" -C "$root" >"$lab/run.stdout" 2>"$lab/run.log" 3>&- &
    replicating=$!
    wait_for 15 held_count_is 2
    start deleting delete file # waits for the link's lock, or is first
    deleting=$pid
    finish run "$replicating"
    exits 0
    finish deleting "$deleting"
    exits 0
    rm "$lab/original/file"
    run_all_jobs
    every_file_has_copies 0
}

# --- late removals ---------------------------------------------------------------------------------------------------

@test "removals of v1's copies that come late, after v1 came again: its new copies stay" {
    configure ftp pure file
    head -c 100k /dev/urandom | upload file
    cp -p "$files/file" "$lab/saved"
    store
    exits 0
    replicated file 2
    echo 'version 2' | new_version file renamed
    store
    exits 0
    replicated file 2
    jobs_are 2 '^remove '
    queue hold '*'
    exits 0
    old_version_again file "$lab/saved"
    store
    exits 0
    replicated file 3
    jobs_are 2 '^remove n. [^ ]+ [0-9]+ path=file'
    queue release '*'
    exits 0
    remove
    exits 0
    [ "$(count_logged result=removed)" = 4 ]
    every_file_has_copies 3
}

bytes_wait_at() { # NODE: sent to the server of NODE, and not read by it yet
    local address
    address=$(server_address "$lab/$1")
    ss -Htn state established "src ${address/ /:}" | awk '{ sum += $1 } END { exit !sum }'
}

@test "a DELE that is under way to a node that hangs, while newer versions come, go and come again" {
    configure ftp file
    for i in 1 2 3; do
        head -c 1000 /dev/urandom | stored_on n1 "f$i"
        cp -p "$lab/original/f$i" "$lab/saved$i"
    done
    mkdir -p "$lab/n1/root/00"
    echo 'remove n1 00/nothing 1' | add_jobs
    start following remove --follow
    following=$pid
    wait_for 15 has_logged following result=already-removed # it is logged in at n1, and stays so
    freeze_server "$lab/n1"
    for i in 1 2 3; do
        echo "version 2" | land "f$i"
        store_line "f$i" n2 | add_jobs
    done
    store
    exits 0
    wait_for 15 bytes_wait_at n1 # the removals of v1's copies
    for i in 1 2 3; do
        cp -p "$lab/saved$i" "$lab/original/f$i"
        cp -p "$lab/saved$i" "$files/f$i"
        store_line "f$i" n2 | add_jobs
    done
    store
    exits 0
    [ "$(find "$lab/n1/root" -type f | wc -l)" = 3 ]
    thaw_server "$lab/n1"
    wait_for 30 eval '[ -z "$(find "$lab/n1/root" -type f)" ]'
    kill -TERM "$following"
    finish following "$following"
    run_all_jobs
    every_file_has_copies 1
}

@test "remove is paused with a job in its hands while the copy it names is taken up into a link file again" {
    configure ftp file
    echo content | stored_on n1 file
    name=$(awk '$1 == "server" { print $3 }' "$root/.links/file")
    cp "$root/.links/file" "$lab/link"
    delete file
    exits 0
    # The job is made, not run: a link that still stood there would keep the copy, as `path=` says.
    freeze_server "$lab/n1"
    start run remove
    wait_for 15 jobs_are 1 "^remove n1 $name .* path=file"
    paused "$pid"
    cp "$lab/link" "$root/.links/file" # as from a backup
    thaw_server "$lab/n1"
    kill -CONT "$pid"
    finish run "$pid"
    # Either it was too late for the link, or it was kept. In either case nothing is wrong unseen.
    if [ -e "$lab/n1/root/$name" ]; then
        every_file_has_copies 1
    else
        check
        grep -q "^missing n1 $name file 8" <<<"$output"
    fi
}

# --- an old version again --------------------------------------------------------------------------------------------

an_old_version_again() { # checksum kind
    local program
    cluster_lines="checksum = $1"
    configure ftp pure file
    for i in 1 2 3; do
        head -c $((i * 1000)) /dev/urandom | upload "f$i"
        cp -p "$files/f$i" "$lab/saved$i"
    done
    store
    exits 0
    for i in 1 2 3; do replicated "f$i" 2; done
    for i in 1 2 3; do echo "version 2 of $i" | new_version "f$i" renamed; done
    store
    exits 0
    for i in 1 2; do replicated "f$i" 2; done
    # f3's job for version 2 waits while version 1 comes back.
    replicate_line f3 copies=2 | add_jobs
    for i in 1 2 3; do old_version_again "f$i" "$lab/saved$i"; done
    store
    exits 0
    has_copies 1 f1 f2 f3
    for i in 1 2 3; do replicate_line "f$i" copies=2 | add_jobs; done
    run_all_jobs
    every_file_has_copies 2
    # And once more what is there already: nothing new is recorded where the content is proved to be the same.
    for i in 1 2 3; do old_version_again "f$i" "$lab/saved$i"; done
    run_all_jobs
    if [ "$1" = none ]; then every_file_has_copies 1; else every_file_has_copies 2; fi
}
@test "an old version is uploaded again with its old time, checksum = sha256" { an_old_version_again sha256; }
@test "an old version is uploaded again with its old time, checksum = none" { an_old_version_again none; }

an_old_version_again_while_it_is_replicated() { # checksum kind
    local sender
    cluster_lines="checksum = $1"
    configure ftp pure file
    head -c 12M /dev/urandom | upload file
    cp -p "$files/file" "$lab/saved"
    store
    exits 0
    replicate_line file | add_jobs
    started_and_paused run replicate
    sender=$pid
    echo 'version 2' | new_version file renamed
    store
    exits 0
    old_version_again file "$lab/saved"
    store
    exits 0
    remove
    exits 0
    goes_on run "$sender"
    run_all_jobs
    # The job speaks of this size and time: one copy more.
    every_file_has_copies 2
}
@test "an old version is uploaded again while its first copy is replicated, checksum = sha256" {
    an_old_version_again_while_it_is_replicated sha256
}
@test "an old version is uploaded again while its first copy is replicated, checksum = none" {
    an_old_version_again_while_it_is_replicated none
}

other_content_with_the_old_size_and_time() { # checksum kind
    local sender
    cluster_lines="checksum = $1"
    configure file ftp file
    head -c 8M /dev/urandom | stored_on n1 file
    replicate_line file n2 | add_jobs
    started_and_paused run replicate
    sender=$pid
    cp -p "$lab/original/file" "$lab/saved"
    printf other | dd of="$lab/saved" conv=notrunc status=none
    touch -d "@$(awk 'NR == 1 { print $4 }' "$root/.links/file")" "$lab/saved"
    cp -p "$lab/saved" "$lab/original/file"
    cp -p "$lab/saved" "$files/file"
    store_line file n3 | add_jobs
    store
    exits 0
    [ "$(nodes_of file)" = n3 ]
    goes_on run "$sender"
    run_all_jobs
    # The job speaks of this size and time: one copy more, of the new content.
    every_file_has_copies 2
}
@test "other content with the old size and time comes while the old is replicated, checksum = sha256" {
    other_content_with_the_old_size_and_time sha256
}
@test "other content with the old size and time comes while the old is replicated, checksum = none" {
    other_content_with_the_old_size_and_time none
}

# --- drain and resume ------------------------------------------------------------------------------------------------

resume() { # NODE
    nodespool nodes resume -C "$root" "$1"
    exits 0
}

# f01 … f20 with two copies, on n1 and n2; then n1 is drained as far as it goes before replicate has run, and it has.
twenty_files_ready_to_leave_n1() {
    local i
    for i in {01..20}; do
        echo "content $i" | land "f$i"
        store_line "f$i" n1
    done | add_jobs
    store
    exits 0
    for i in {01..20}; do replicate_line "f$i" n2; done | add_jobs
    replicate
    exits 0
    drain n1
    exits 75
    jobs_are 20 '^replicate f[0-9]* .* copies=2'
    replicate
    exits 0
    the_queue_is_empty
}
is_connected_to() { # NODE
    ss -Htn "dst $(server_address "$lab/$1" | tr ' ' :)" | grep -q .
}

@test "a drain that looks for copies on a node that hangs is overtaken by resume: it drops nothing, and says so" {
    configure file ftp file
    twenty_files_ready_to_leave_n1
    wait_for 10 not is_connected_to n2
    freeze_server "$lab/n2"
    start draining drain n1
    draining=$pid
    wait_for 15 is_connected_to n2 # to look for copies
    paused "$draining"
    resume n1
    thaw_server "$lab/n2"
    kill -CONT "$draining"
    finish draining "$draining"
    exits 75
    jobs_are 0 '^remove '
    every_file_has_copies 3
}

@test "what drain dropped, then resume, then new copies on that node: the late removals take the old ones only" {
    configure file ftp file
    twenty_files_ready_to_leave_n1
    drain n1
    exits 0
    jobs_are 20 '^remove n1 '
    not grep -q n1 <(copies_per_node)
    resume n1
    queue hold '*'
    exits 0
    for i in {01..20}; do replicate_line "f$i" copies=3; done | add_jobs
    replicate
    exits 0
    for i in {01..20}; do has_copies 3 "f$i"; done
    queue release '*'
    exits 0
    remove
    exits 0
    [ "$(count_logged 'result=removed.*node=n1')" = 20 ]
    every_file_has_copies 3
}

@test "a node is drained while a copy is on its way to it, and resumed, and drained again" {
    configure file ftp pure
    head -c 12M /dev/urandom | stored_on n1 file
    replicate_line file n3 copies=2 | add_jobs
    started_and_paused run replicate
    sender=$pid
    drain n3
    resume n3
    drain n3
    goes_on run "$sender"
    # Whatever came to n3 is not counted on, and goes.
    for round in 1 2 3 4; do
        drain n3
        [ "$status" != 0 ] || break
        queue retry
        replicate
    done
    exits 0
    run_all_jobs
    not grep -qx n3 <(nodes_of file)
    held=$(nodes_of file | wc -l)
    every_file_has_copies "$held"
    resume n3
    replicated file 2
    run_all_jobs
    every_file_has_copies 2
}

@test "drained, resumed and drained again and again beside processors at work: nothing falls below its copies" {
    configure file file ftp
    for i in {001..120}; do echo "content $i" | land "f$i"; done
    upload_hook "$files"/f*
    start_store storing --follow
    storing=$pid
    start replicating replicate --follow
    replicating=$pid
    start removing remove --follow
    removing=$pid
    wait_for 30 eval '[ "$(link_files -print | wc -l)" = 120 ]'
    for i in {001..120}; do replicate_line "f$i" copies=2; done | add_jobs
    for round in 1 2 3 4 5 6; do
        node=n$((round % 3 + 1))
        drain "$node"
        [[ $status = 0 || $status = 75 ]]
        resume "$node"
        queue retry
        lost=$(link_files -exec awk 'FNR == 1 { if (name && !copies) print name; name = FILENAME; copies = 0 }
            $1 == "server" { ++copies } END { if (name && !copies) print name }' {} +)
        [ -z "$lost" ] || fail "no copy is left of $lost"
        check # and whatever is on its way is no finding
        exits 0
        [ -z "$output" ] || fail "check finds: $output"
    done
    for name in storing replicating removing; do
        kill -TERM "${!name}"
        finish $name "${!name}"
    done
    for i in {001..120}; do replicate_line "f$i" copies=2; done | add_jobs
    run_all_jobs
    # A copy that was made because another one did not count stays when that one counts again.
    for i in {001..120}; do
        count=$(nodes_of "f$i" | wc -l)
        ((count == 2 || count == 3)) || fail "f$i has $count copies"
        has_copies "$count" "f$i"
    done
    the_queue_is_empty
    nothing_is_left_over
    check
    exits 0
    [ -z "$output" ]
}

# --- power cut between the new link file and the removal of the old copies -------------------------------------------

# Files with a `gone` line for a copy on n1 that is there, and no job: what the power cut leaves.
with_gone_lines() { # NAME...
    local name
    for name; do
        head -c 3000 /dev/urandom | stored_on n1 "$name"
    done
    for name; do replicate_line "$name" n2; done | add_jobs
    replicate
    exits 0
    for name; do
        has_copies 2 "$name"
        sed -i -e 's/^server n1 /gone n1 /' "$root/.links/$name"
    done
    the_queue_is_empty
}

@test "gone lines without removals are healed by the next program that locks the link: store, replicate, delete, drain" {
    configure file ftp file pure
    with_gone_lines stored replicated deleted drained
    echo 'a new version' | upload stored
    replicate_line replicated copies=2 | add_jobs
    delete deleted
    exits 0
    rm "$lab/original/deleted"
    store
    exits 0
    replicate
    exits 0
    replicated drained 2
    remove
    exits 0
    [ "$(copies_per_node | awk '$2 == "n1" { print $1 }')" != 3 ]
    run_all_jobs
    has_copies 1 stored
    has_copies 2 replicated drained
    nothing_is_left_over
    [ "$(held_copies | wc -l)" = 5 ]
    [ ! -e "$root/.links/deleted" ]
}

@test "gone lines without removals are found by check and healed by repair" {
    configure file ftp file
    with_gone_lines a b c
    for file in a b c; do
        echo "gone n1 $(awk '$1 == "gone" { print $3 }' "$root/.links/$file") $file"
        awk 'NR == 1 { print "short", $1, $2, $4, 1, 2 }' "$root/.links/$file"
    done | sort >"$lab/expected"
    check
    exits 0
    diff "$lab/expected" <(sort <<<"$output")
    "$bin/repair" -C "$root" <<<"$output" 2>>"$lab/log"
    jobs_are 3 '^remove n1 .* path=[abc]'
    check
    exits 0
    [ -z "$(grep -v '^short ' <<<"$output")" ]
    run_all_jobs
    [ "$(held_copies | wc -l)" = "$(link_files -exec grep -h '^server ' {} + | wc -l)" ]
    nothing_is_left_over
}

# Runs a program that is killed when it changes a name on disk for the N-th time (rename, link, unlink, mkdir, rmdir, by
# whichever thread), for N = 1, 2, … until it ends by itself. Before each run PREPARE is called, after each AFTERWARDS.
killed_at_each_change() { # PREPARE AFTERWARDS PROGRAM [ARG...]
    local prepare=$1 afterwards=$2 program=$3 n most=60
    local shim=$bin/../tests/libnodespool_crash_shim.so names=$((16 + 32 + 64 + 128)) # tests/crash/shim/plan.hpp
    [ -e "$shim" ] || fail "$shim is missing" || return
    shift 3
    for ((n = 1; n <= most; n++)); do
        "$prepare" "$n"
        status=0
        rm -f "$lab/calls"
        LD_PRELOAD=$shim NODESPOOL_SHIM_PROGRAM=$program NODESPOOL_SHIM_AT=$n NODESPOOL_SHIM_DO=kill \
            NODESPOOL_SHIM_KINDS=$names NODESPOOL_SHIM_COUNT=$lab/calls \
            "$bin/$program" -C "$root" "$@" >"$lab/stdout" 2>"$lab/log.last" || status=$?
        echo "killed at change $n of $program: status $status" >>"$lab/log"
        if [ "$status" != 137 ]; then
            [[ $status = 0 || $status = 75 ]] || fail "$program ends with $status: $(cat "$lab/log.last")" || return
            "$afterwards"
            break
        fi
        "$afterwards"
    done
    ((n > 3 && n <= most)) || fail "$program was killed $((n - 1)) times"
}
everything_is_healed() { run_all_jobs && every_file_has_copies "$copies"; }

@test "store is killed at each of its changes while it stores v2 of a file with two copies" {
    configure file file
    copies=1
    prepare() {
        echo "version 1, $1" | upload file
        run_all_jobs
        replicated file 2
        echo "version 2, $1" | new_version file renamed
    }
    killed_at_each_change prepare everything_is_healed store
}

@test "replicate is killed at each of its changes" {
    configure file file file
    prepare() {
        echo "version $1" | upload one
        echo "version $1" | upload three
        run_all_jobs
        replicate_line one | add_jobs
        replicate_line three copies=3 | add_jobs
    }
    afterwards() {
        run_all_jobs
        has_copies 2 one
        has_copies 3 three
        the_queue_is_empty
        nothing_is_left_over
    }
    killed_at_each_change prepare afterwards replicate
}

@test "remove is killed at each of its changes while it works off deleted files" {
    configure file file
    copies=1
    echo stays | upload stays
    prepare() {
        local i
        for i in 1 2 3; do echo "version $1" | upload "gone$i"; done
        run_all_jobs
        for i in 1 2 3; do replicated "gone$i" 2; done
        delete gone1 gone2 gone3
        exits 0
        rm "$lab"/original/gone?
    }
    killed_at_each_change prepare everything_is_healed remove
}

@test "drain is killed at each of its changes" {
    configure file file file
    copies=2
    prepare() {
        local i
        nodespool nodes resume -C "$root" n1
        for i in 1 2 3; do
            echo "version $1" | land "f$i"
            store_line "f$i" n1 | add_jobs
        done
        run_all_jobs
        for i in 1 2 3; do replicated "f$i" 2; done
        drain n1 # which asks for other copies first
        exits 75
        run_all_jobs
    }
    afterwards() {
        local round
        for round in 1 2 3 4; do
            drain n1
            [ "$status" != 0 ] || break
            run_all_jobs
        done
        exits 0
        everything_is_healed
        [ -z "$(find "$lab/n1/root" -type f)" ]
    }
    killed_at_each_change prepare afterwards drain n1
}
