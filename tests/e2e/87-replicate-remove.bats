#!/usr/bin/env bats
# replicate and remove on real servers: copies from node to node, and copies that go.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

# Stores NAME (content: stdin) on NODE.
stored_on() { # NODE NAME
    land "$2"
    store_line "$2" "$1" | add_jobs
    store
    exits 0
    [ "$(nodes_of "$2")" = "$1" ]
}
replicate_now() { # NAME [REST...]: the job, and a run
    replicate_line "$@" | add_jobs
    replicate
}
# FTP commands that a vsftpd was sent.
commands() { # NODE COMMAND
    grep -acE "FTP command: .*\"$2( |\")" "$lab/$1/vsftpd.log" || true
}
files_on() { (cd "$lab/$1/root" && find . -type f); }
has_begun_on() { [ -n "$(find "$lab/$1/root" -type f -size +0)" ]; }
a_target_has_begun() { # SOURCE...: a node beside these; $target
    local node
    for node in "${nodes[@]}"; do
        if [[ " $* " != *" $node "* ]] && has_begun_on "$node"; then
            target=$node
            return
        fi
    done
    return 1
}
settled_name_of() { awk -v node="$2" '$1 == "server" && $2 == node { print $3 }' "$root/.links/$1"; }

# --- replicate -------------------------------------------------------------------------------------------------------

@test "a replicate job makes one more copy, on a node that has none" {
    configure ftp pure file
    for i in 1 2 3; do
        head -c $((i * 100000)) /dev/urandom | stored_on "n$i" "dir/file $i"
    done
    : | stored_on n1 empty
    for file in "dir/file 1" "dir/file 2" "dir/file 3" empty; do
        replicate_line "$file"
    done | add_jobs
    replicate
    exits 0
    [ "$(count_logged result=replicated)" = 4 ]
    logs result=replicated 'file=dir/file%201' 'job=[^ ]+:1 ' 'node=n[23] ' 'bytes=100000 ' seconds=
    has_copies 2 "dir/file 1" "dir/file 2" "dir/file 3" empty
    every_file_has_copies 2
    # Twice more is a third copy, and then no node is left.
    replicate_now empty
    exits 0
    has_copies 3 empty
    replicate_now empty
    exits 75
    logs result=resubmitted file=empty 'every node'
    has_copies 3 empty
    jobs_are 1 '^replicate empty .* attempts=1'
}

@test "copies=N makes what is lacking from one read, streamed to all targets at once" {
    configure ftp pure ftp file
    head -c 3M /dev/urandom | stored_on n1 wide
    head -c 1000 /dev/urandom | stored_on n1 narrow
    reads=$(commands n1 RETR)
    replicate_line wide copies=4 | add_jobs
    replicate
    exits 0
    has_copies 4 wide
    [ "$(commands n1 RETR)" = $((reads + 1)) ]
    [ "$(awk '$1 == "copies" { print $2 }' "$root/.links/wide")" = 4 ]
    replicate_now narrow copies=2
    exits 0
    has_copies 2 narrow
    [ "$(commands n1 RETR)" = $((reads + 2)) ]
    # Asked for again, and for fewer: nothing is done.
    for copies in 4 3 1; do
        replicate_now wide copies=$copies
        exits 0
        logs result=already-replicated file=wide
    done
    [ "$(commands n1 RETR)" = $((reads + 2)) ]
    has_copies 4 wide
    # More than there are nodes: as many as can be, and the job waits.
    replicate_now narrow copies=6
    exits 75
    has_copies 4 narrow
    jobs_are 1 '^replicate narrow .* copies=6'
    rm "$root"/.queue/*.q
    [ "$(held_copies | wc -l)" = 8 ]
    nothing_is_left_over
}

@test "node lists and exclusions of replicate jobs are kept to" {
    configure ftp file file file
    for i in 1 2 3 4 5; do
        echo "content $i" | stored_on n1 "f$i"
    done
    {
        replicate_line f1 n3
        replicate_line f2 -n2 -n4
        replicate_line f3 n2,n4 copies=3
        replicate_line f4 n1     # has one already
        replicate_line f5 n1 n4 copies=2
    } | add_jobs
    replicate
    exits 75
    [ "$(nodes_of f1 | xargs)" = 'n1 n3' ]
    [ "$(nodes_of f2 | xargs)" = 'n1 n3' ]
    [ "$(nodes_of f3 | sort | xargs)" = 'n1 n2 n4' ]
    [ "$(nodes_of f4)" = n1 ]
    [ "$(nodes_of f5 | xargs)" = 'n1 n4' ]
    has_copies 2 f1 f2 f5
    has_copies 3 f3
    jobs_are 1
    jobs_are 1 '^replicate f4 '
    # A node that nobody knows rejects the line.
    replicate_line f1 n9 >"$root/.queue/0.q"
    replicate
    exits 65
    grep -rq 'replicate f1 .* n9' "$root/.queue/rejected"
}

@test "a job for another version than the link file records is stale" {
    configure file file
    echo one | stored_on n1 file
    line=$(replicate_line file)
    {
        awk '{ $3 += 1; print }' <<<"$line"
        awk '{ $4 = "1000000000.5"; print }' <<<"$line"
        awk '{ $2 = "other"; print }' <<<"$line"
    } | add_jobs
    replicate
    exits 0
    [ "$(count_logged result=stale)" = 3 ]
    has_copies 1 file
    the_queue_is_empty
    # A leading .links/ is accepted, and a time that is written less precisely.
    sed 's|^replicate |replicate .links/|; s|\.[0-9]*|.|; s|\. *$||' <<<"$line" | add_jobs
    replicate
    exits 0
    every_file_has_copies 2
}

@test "1 GiB goes to two nodes in less than 64 MiB of memory and without a temporary file" {
    configure file ftp pure
    mkdir -p "$lab/n1/root/00/00"
    truncate -s 1G "$lab/n1/root/00/00/big"
    for offset in 0 100 511 1023; do
        head -c 1M /dev/urandom | dd of="$lab/n1/root/00/00/big" bs=1M seek=$offset conv=notrunc status=none
    done
    mkdir -p "$root/.links"
    printf '%s\n' 'big 1073741824 0 1700000000.000000000' \
        "checksum sha256:$(sha256sum <"$lab/n1/root/00/00/big" | cut -d ' ' -f 1)" \
        'server n1 00/00/big' 'copies 1' >"$root/.links/big"
    queue status # makes what the cluster needs
    replicate_line big copies=3 | add_jobs
    before=$(find "$root" "$files" -type f -size +1M)
    strace -f -qq -e trace=openat,creat -e signal=none -o "$lab/opened" \
        /usr/bin/time -q -f %M -o "$lab/kib" "$bin/replicate" -C "$root" 2>>"$lab/log"
    (($(<"$lab/kib") < 65536)) || fail "it took $(<"$lab/kib") KiB"
    [ -s "$lab/opened" ]
    not grep -E 'O_TMPFILE|"(/tmp|/var/tmp|/dev/shm)' <(grep -vF "\"$lab/" "$lab/opened")
    [ "$(find "$root" "$files" -type f -size +1M)" = "$before" ]
    [ "$(nodes_of big | sort | xargs)" = 'n1 n2 n3' ]
    while read -r copy; do
        cmp "$copy" "$lab/n1/root/00/00/big"
    done < <(copies_of big)
    the_queue_is_empty
    nothing_is_left_over
}

@test "the sessions of the source are killed in the middle: the copy is whole all the same" {
    configure ftp ftp
    head -c 12M /dev/urandom | stored_on n1 file
    replicate_line file | add_jobs
    start run replicate --limit-rate 4M
    wait_for 10 a_target_has_begun n1
    kill_sessions "$lab/n1"
    finish run "$pid"
    [[ $status = 0 || $status = 75 ]]
    run_all_jobs
    every_file_has_copies 2
}

@test "the source is stopped in the middle: another one takes over" {
    configure ftp pure ftp
    head -c 16M /dev/urandom | stored_on n1 file
    replicate_now file n2
    exits 0
    replicate_line file | add_jobs
    start run replicate --limit-rate 4M
    wait_for 10 has_begun_on n3
    # The one that is read has a client.
    victim=
    for node in n1 n2; do
        server_is_idle "$lab/$node" || victim=$node
    done
    [ -n "$victim" ]
    stop_server "$lab/$victim"
    finish run "$pid"
    exits 0
    logs result=node-failed "node=$victim"
    logs result=replicated file=file node=n3
    every_file_has_copies 3
}

@test "a copy that was cut short, or has other content, is not copied on: another source is taken, if there is one" {
    configure ftp ftp file
    for file in cut-n1 cut-n2 bad-n1 bad-n2 only; do
        head -c 5M /dev/urandom | stored_on n1 $file
    done
    for file in cut-n1 cut-n2 bad-n1 bad-n2; do
        replicate_line $file n2 | add_jobs
    done
    replicate
    exits 0
    for node in n1 n2; do
        truncate -s 2M "$lab/$node/root/$(settled_name_of cut-$node $node)"
        printf x | dd of="$lab/$node/root/$(settled_name_of bad-$node $node)" bs=1M seek=3 conv=notrunc status=none
    done
    printf x | dd of="$(copies_of only)" bs=1M seek=3 conv=notrunc status=none
    for file in cut-n1 cut-n2 bad-n1 bad-n2 only; do
        replicate_line $file | add_jobs
    done
    replicate
    exits 75
    # Each was read from one of its copies first; whichever that is, half of them met the damaged one.
    logs result=node-failed failure=permanent 'it has [0-9]+ bytes, its link file records 5242880'
    logs result=node-failed failure=permanent 'its content is not what its link file records'
    for file in cut-n1 cut-n2 bad-n1 bad-n2; do
        logs result=replicated file=$file node=n3
        cmp "$lab/original/$file" "$lab/n3/root/$(settled_name_of $file n3)"
    done
    logs result=resubmitted file=only
    [ "$(nodes_of only)" = n1 ]
    [ "$(files_on n3 | wc -l)" = 4 ]
    jobs_are 1
    jobs_are 1 '^replicate only .* attempts=1'
    nothing_is_left_over
}

@test "a target dies in the middle: another one is taken, and nothing is left on it" {
    configure file ftp pure
    head -c 16M /dev/urandom | stored_on n1 file
    replicate_line file | add_jobs
    start run replicate --limit-rate 4M
    wait_for 10 a_target_has_begun n1
    stop_server "$lab/$target"
    finish run "$pid"
    exits 0
    logs result=node-failed "node=$target"
    [ "$(nodes_of file | wc -l)" = 2 ]
    not grep -qx "$target" <(nodes_of file)
    has_copies 2 file
    # What lies there has a job.
    half=$(files_on "$target")
    jobs_are 1 "^remove $target ${half#./} .* path=file"
    case $target in
        n2) start_vsftpd "$lab/n2" ;;
        n3) start_pure_ftpd_node "$lab/n3" ;;
    esac
    queue retry
    remove
    exits 0
    logs result=removed "node=$target"
    every_file_has_copies 2
}

@test "of several targets one dies in the middle: the others get their copies from the same read" {
    configure ftp ftp pure file
    head -c 16M /dev/urandom | stored_on n1 file
    reads=$(commands n1 RETR)
    replicate_line file -n4 copies=3 | add_jobs
    start run replicate --limit-rate 4M
    wait_for 10 has_begun_on n2
    wait_for 10 has_begun_on n3
    stop_server "$lab/n2"
    finish run "$pid"
    exits 75
    [ "$(nodes_of file | xargs)" = 'n1 n3' ]
    has_copies 2 file
    [ "$(commands n1 RETR)" = $((reads + 1)) ]
    jobs_are 1 '^replicate file .* -n4 copies=3'
    start_vsftpd "$lab/n2"
    queue retry
    run_all_jobs
    every_file_has_copies 3
}

@test "a target that is full is passed over" {
    configure file ftp ftp
    stop_server "$lab/n2"
    mount_tiny "$lab/n2/root" 1M
    start_vsftpd "$lab/n2"
    for i in 1 2 3 4; do
        head -c 700000 /dev/urandom | stored_on n1 "f$i"
    done
    for i in 1 2 3 4; do replicate_line "f$i"; done | add_jobs
    replicate
    exits 0
    every_file_has_copies 2
    [ "$(copies_per_node | awk '$2 == "n2" { print $1 }')" = 1 ]
}

@test "all sources down: resubmitted, and done when one is back" {
    configure ftp file
    echo content | stored_on n1 file
    stop_server "$lab/n1"
    replicate_now file
    exits 75
    logs result=resubmitted file=file
    jobs_are 1 '^replicate file .* attempts=1'
    [ -z "$(files_on n2)" ]
    start_vsftpd "$lab/n1"
    queue retry
    replicate
    exits 0
    every_file_has_copies 2
}

@test "release-at-copies = 2: the local file stays until the second copy is recorded" {
    cluster_lines='release-at-copies = 2'
    configure ftp file
    upload_many f 5
    store
    exits 0
    for i in 1 2 3 4 5; do
        cmp "$files/f000$i" "$lab/original/f000$i"
        has_copies 1 "f000$i"
    done
    the_queue_is_empty
    for i in 1 2 3 4 5; do replicate_line "f000$i" copies=2; done | add_jobs
    replicate
    exits 0
    has_copies 2 f0001 f0002 f0003 f0004 f0005
    [ "$(find "$files" -type f | wc -l)" = 5 ]
    jobs_are 5 '^store f000[1-5] '
    store
    exits 0
    every_file_has_copies 2
}

@test "a copy that changed its version while its second copy was made does not release the new upload" {
    cluster_lines='release-at-copies = 2'
    configure file ftp
    head -c 8M /dev/urandom | stored_on n1 file
    replicate_line file | add_jobs
    start run replicate --limit-rate 4M
    wait_for 10 has_begun_on n2
    echo 'a new version' | upload file
    finish run "$pid"
    exits 0
    [ "$(<"$files/file")" = 'a new version' ]
    run_all_jobs
    # Stored once, so kept: two copies are asked for.
    has_copies 1 file
    cmp "$files/file" "$lab/original/file"
    nodes_and_links_agree
}

@test "replicate --only, --max-jobs, --dry-run and --json" {
    configure ftp file
    for file in a1 a2 b1; do
        echo "$file" | stored_on n1 $file
    done
    for file in a1 a2 b1; do replicate_line $file; done | add_jobs
    echo 'replicate a1 x y' >"$root/.queue/replicate-by-hand"
    before=$(snapshot "$root" "$lab/n2/root")
    replicate --dry-run
    exits 65
    [ "$(grep -c 'would replicate [ab][12] ([0-9]* bytes) on n2' <<<"$output")" = 3 ]
    grep -q '^replicate-by-hand:1 would reject' <<<"$output"
    replicate --dry-run --json --only 'b*'
    [ "$(jq -c 'select(.would == "replicate") | [.file, .size, .node]' <<<"$output")" = '["b1",3,"n2"]' ]
    [ "$(snapshot "$root" "$lab/n2/root")" = "$before" ]
    rm "$root/.queue/replicate-by-hand"
    replicate --only 'b*' --json
    exits 0
    [ "$(jq -r '[.result, .file, .node, .bytes] | @csv' <<<"$output")" = '"replicated","b1","n2",3' ]
    has_copies 2 b1
    has_copies 1 a1 a2
    jobs_are 2
    replicate --max-jobs 1
    exits 0
    jobs_are 1
    replicate
    exits 0
    every_file_has_copies 2
}

@test "two replicates at once on the same jobs: never more copies than were asked for" {
    configure ftp file pure file
    for i in 01 02 03 04 05 06 07 08 09 10; do
        head -c 400k /dev/urandom | stored_on n1 "one$i"
        head -c 400k /dev/urandom | stored_on n1 "three$i"
    done
    # Each line stands in two queue files: copies=N is counted, one more is one for each line.
    for i in 01 02 03 04 05 06 07 08 09 10; do replicate_line "three$i" copies=3; done >"$lab/three"
    for i in 01 02 03 04 05 06 07 08 09 10; do replicate_line "one$i"; done >"$lab/one"
    cp "$lab/three" "$root/.queue/0.q"
    cp "$lab/three" "$root/.queue/1.q"
    cp "$lab/one" "$root/.queue/2.q"
    start first replicate --limit-rate 8M
    first=$pid
    start second replicate --limit-rate 8M
    second=$pid
    finish first "$first"
    exits 0
    finish second "$second"
    exits 0
    run_all_jobs
    has_copies 3 three{01..10}
    has_copies 2 one{01..10}
    the_queue_is_empty
    nothing_is_left_over
}

# --- remove ----------------------------------------------------------------------------------------------------------

stray() { # NODE NAME: a file on a node that no link file names
    mkdir -p "$(dirname "$lab/$1/root/$2")"
    echo "stray $2" >"$lab/$1/root/$2"
    chown -R "$servers_user:" "$lab/$1/root"
}

@test "remove jobs: copies go from all kinds of nodes, absent ones are a success" {
    configure ftp pure file
    for node in n1 n2 n3; do
        stray $node 00/00/one
        stray $node 00/00/two
        echo "remove $node 00/00/one 17"
        echo "remove $node 00/00/absent 5"
        echo "remove $node no/such/directory 5"
    done | add_jobs
    remove
    exits 0
    [ "$(count_logged result=removed)" = 3 ]
    [ "$(count_logged result=already-removed)" = 6 ]
    logs result=removed 'node=n2' 'name=00/00/one'
    [ "$(held_copies)" = $'n1 00/00/two\nn2 00/00/two\nn3 00/00/two' ]
    the_queue_is_empty
}

@test "a node that refuses to delete a file that is there: the job stays, whatever the reply looks like" {
    configure ftp pure
    for node in n1 n2; do
        stray $node locked/file
        chown root: "$lab/$node/root/locked"
        chmod 755 "$lab/$node/root/locked"
        echo "remove $node locked/file 18"
        echo "remove $node locked/absent 18"
    done | add_jobs
    remove
    exits 75
    logs result=resubmitted 'n1: cannot remove locked/file: 550'
    logs result=resubmitted 'n2: cannot remove locked/file: 55'
    [ "$(count_logged result=already-removed)" = 2 ]
    jobs_are 2
    jobs_are 1 '^remove n1 locked/file 18 .*attempts=1'
    jobs_are 1 '^remove n2 locked/file 18 .*attempts=1'
    [ "$(held_copies | wc -l)" = 2 ]
    for node in n1 n2; do
        chown "$servers_user:" "$lab/$node/root/locked"
    done
    queue retry
    remove
    exits 0
    [ -z "$(held_copies)" ]
    the_queue_is_empty
}

@test "a directory that cannot be looked into is no proof that a file is absent" {
    configure ftp file
    stray n1 closed/file
    chown -R root: "$lab/n1/root/closed"
    chmod 700 "$lab/n1/root/closed"
    echo 'remove n1 closed/file 18' | add_jobs
    remove
    exits 75
    jobs_are 1 '^remove n1 closed/file 18 .*attempts=1'
    logs_no 'result=(already-)?removed'
}

@test "path= keeps a copy that its link file records, and only that" {
    configure ftp file
    echo content | stored_on n1 'a file'
    replicate_now 'a file'
    exits 0
    stray n1 00/00/old
    {
        remove_lines 'a file' | sed 's/$/ path=a%20file/'
        echo 'remove n1 00/00/old 10 path=a%20file'
    } | add_jobs
    remove
    exits 0
    [ "$(count_logged 'result=stale.*file=a%20file.*kept')" = 2 ]
    [ "$(count_logged result=removed)" = 1 ]
    every_file_has_copies 2
    # Without path=, as a person writes it, it does what it says.
    remove_lines 'a file' n1 | add_jobs
    remove
    exits 0
    [ -z "$(files_on n1)" ]
}

@test "names that escape the node's root are rejected, in the queue and by queue add" {
    configure ftp file
    echo precious >"$lab/n2/precious"
    echo precious >"$lab/n1/precious"
    chmod 666 "$lab"/n?/precious
    chmod 777 "$lab/n1" "$lab/n2"
    for node in n1 n2; do
        printf 'remove %s %s 9\n' $node ../precious $node a/../../precious $node %2E%2E/precious $node "$lab/$node/precious" \
            $node ./x $node a//b $node x%00y
    done >"$lab/lines"
    queue add <"$lab/lines"
    exits 65
    jobs_are 0
    cp "$lab/lines" "$root/.queue/by-hand.q"
    remove
    exits 65
    the_queue_is_empty
    [ "$(cat "$root"/.queue/rejected/* | grep -c '^remove ')" = 28 ]
    [ "$(cat "$lab"/n?/precious | xargs)" = 'precious precious' ]
    # path= as well.
    echo 'remove n1 x 9 path=../up' >"$root/.queue/path.q"
    remove
    exits 65
    logs result=rejected 'path='
    # A link that leads out of a file:// node is not followed.
    ln -s .. "$lab/n2/root/up"
    echo 'remove n2 up/precious 9' | add_jobs
    remove
    [ "$(<"$lab/n2/precious")" = precious ]
}

@test "a node that is down: its removals are resubmitted, the others done" {
    configure ftp ftp
    for node in n1 n2; do
        for i in {01..30}; do
            stray $node "00/$i"
            echo "remove $node 00/$i 12"
        done
    done | add_jobs
    stop_server "$lab/n1"
    remove
    exits 75
    jobs_are 30
    jobs_are 30 '^remove n1 .*attempts=1'
    [ -z "$(files_on n2)" ]
    start_vsftpd "$lab/n1"
    queue retry
    remove
    exits 0
    [ -z "$(held_copies)" ]
    the_queue_is_empty
}

@test "deleted files leave their nodes, copies that replicate made included; what cannot be done now waits as jobs" {
    configure ftp ftp file
    for i in 1 2 3 4; do
        head -c 2000 /dev/urandom | stored_on n1 "dir/f$i"
        replicate_line "dir/f$i" copies=3 | add_jobs
    done
    replicate
    exits 0
    [ "$(held_copies | wc -l)" = 12 ]
    delete -r dir/f1 dir/f2 dir/f3
    exits 0
    stop_server "$lab/n2"
    before=$(snapshot "$root" "$lab"/n?/root)
    remove --dry-run
    [ "$(grep -c '^\.deleted/[^ ]* would remove ' <<<"$output")" = 9 ]
    remove --dry-run --json
    [ "$(jq -r 'select(.would == "remove") | .node' <<<"$output" | sort | uniq -c | xargs)" = '3 n1 3 n2 3 n3' ]
    [ "$(snapshot "$root" "$lab"/n?/root)" = "$before" ]
    remove --json
    exits 75
    [ "$(jq -r .result <<<"$output" | sort | uniq -c | xargs)" = '6 removed 3 resubmitted' ]
    jobs_are 3 '^remove n2 .* path=dir/f[123]( |$)'
    [ -z "$(find "$root/.deleted" -type f)" ]
    start_vsftpd "$lab/n2"
    queue retry
    remove
    exits 0
    rm "$lab"/original/dir/f[123]
    every_file_has_copies 3
}

@test "remove --only takes the files whose path matches" {
    configure file
    stray n1 00/one
    stray n1 00/two
    printf 'remove n1 00/%s 10 path=%s\n' one a/one two b/two | add_jobs
    remove --only 'a/*'
    exits 0
    [ "$(files_on n1)" = ./00/two ]
    jobs_are 1 'path=b/two$'
}

@test "remove --follow takes up jobs and deleted files as they come, and ends when told to" {
    configure ftp file
    echo content | stored_on n1 file
    stray n2 00/stray
    start following remove --follow
    following=$pid
    wait_for 10 test -d "/proc/$following"
    echo 'remove n2 00/stray 16' | add_jobs
    wait_for 15 eval '[ -z "$(files_on n2)" ]'
    delete file
    exits 0
    wait_for 15 eval '[ -z "$(held_copies)" ]' || fail "the copies of a deleted file stay: $(held_copies)"
    kill -TERM "$following"
    finish following "$following"
    exits 0
    the_queue_is_empty
    rm "$lab/original/file"
    every_file_has_copies 0
}

@test "replicate and remove without a sound configuration or with wrong arguments" {
    configure file
    for program in replicate remove; do
        nodespool $program -C "$root" --no-such-option
        exits 64
        nodespool $program -C "$root" an-argument
        exits 64
        nodespool $program -C "$root" -j 0
        exits 64
        nodespool $program -C "$lab/nowhere"
        exits 78
    done
    remove --limit-rate 1M # it sends nothing
    exits 64
}
