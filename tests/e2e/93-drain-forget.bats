#!/usr/bin/env bats
# drain and forget: nothing leaves a node before others were seen, nothing is given up in silence.

load helpers

setup() { make_lab; }
teardown() { drop_lab; }

nodes() { nodespool nodes "$@" -C "$root"; }
drain() { nodespool drain -C "$root" "$@"; }
forget() { nodespool forget -C "$root" "$@"; }
replicate() { nodespool replicate -C "$root"; }
remove() { nodespool remove -C "$root"; }

# COUNT files PREFIX0001... on NODE alone.
store_on() { # NODE PREFIX COUNT
    upload_many "$2" "$3"
    sed -i "s/^upload .*/& $1/" "$root"/.queue/*.q
    store -q
    exits 0
    [ -z "$(link_files -name "$2*" -exec grep -LE "^server $1 " {} +)" ] || fail "not everything is on $1"
}

# Another copy by hand on NODE: the file, and its line in the link file.
plant_copies() { # NODE FILE...
    perl -e '
        use strict; use warnings; use File::Path "make_path"; use File::Copy "copy"; use File::Basename "dirname";
        my ($lab, $node, @files) = @ARGV;
        for my $file (@files) {
            my $link = "$lab/cluster/.links/$file";
            open my $in, "<", $link or die "$link: $!";
            my @lines = <$in>;
            my ($at) = grep { $lines[$_] =~ /^server / } 0 .. $#lines;
            my (undef, $from, $name) = split " ", $lines[$at];
            make_path(dirname("$lab/$node/root/$name"));
            copy("$lab/$from/root/$name", "$lab/$node/root/$name") or die "$name: $!";
            splice @lines, $at + 1, 0, "server $node $name\n";
            open my $out, ">", $link or die "$link: $!";
            print $out @lines;
            close $out or die "$link: $!";
        }' "$lab" "$@" || return
    [ "$(<"$lab/$1/kind")" = file ] || chown -R "$servers_user:$servers_user" "$lab/$1/root"
}

all_files() { link_files -printf '%P\n'; }

is_on() { # FILE NODES: as the link file names them, in name order
    [ "$(nodes_of "$1" | sort | xargs)" = "$2" ] || fail "$1 is on $(nodes_of "$1" | xargs) instead of $2"
}

# Each file has a recorded copy that is there and is what was uploaded.
every_file_is_sound() {
    local link file copy
    for file in $(all_files); do
        link=$root/.links/$file
        while read -r copy; do
            cmp -s "$copy" "$lab/original/$file" && continue 2
        done < <(copies_of "$file")
        fail "$file has no sound copy: $(cat "$link")" || return
    done
}

# A copy on a node that no link file records has a `remove` job.
every_copy_is_known() {
    comm -13 <(recorded_copies) <(held_copies) >"$lab/unrecorded"
    jobs_waiting | awk '$1 == "remove" { print $2, $3 }' | sort -u | comm -13 - "$lab/unrecorded" >"$lab/unknown"
    [ ! -s "$lab/unknown" ] || fail "nobody knows these copies: $(head "$lab/unknown")"
}

@test "drain drops what others were seen to have, and asks for copies of the rest" {
    need_servers
    configure ftp ftp file
    store_on n1 f 30
    plant_copies n2 f00{01..10}
    plant_copies n3 f00{11..20}
    drain n1
    exits 75
    [ "$output" = 'n1: 30 files had a copy there: 20 dropped, 10 wait for replicate (10 queued now, 0 before), 0 not seen elsewhere, 0 cannot be moved; 10 left' ]
    logs result=marked node=n1 mark=draining before=none
    logs result=dropped file=f0001 node=n1 seen=n2
    [ "$(count_logged result=dropped)" = 20 ]
    [ "$(count_logged 'result=queued')" = 10 ]
    is_on f0001 n2
    is_on f0011 n3
    is_on f0021 n1
    jobs_are 20 '^remove n1 .* path=f00(0[1-9]|1[0-9]|20|10)$'
    jobs_are 10 '^replicate f00(2[1-9]|30) 17 [0-9.]+ copies=1$'
    every_file_is_sound
    every_copy_is_known
    # Nothing new goes there.
    [ "$(<"$root/.nodes")" = 'n1 draining' ]

    drain n1
    exits 75
    [[ $output == 'n1: 10 files had a copy there: 0 dropped, 10 wait for replicate (0 queued now, 10 before), '*'; 10 left' ]]
    jobs_are 10 '^replicate '
    plant_copies n2 f00{21..30}
    drain n1 --json
    exits 0
    [ "$(jq -c 'select(.result == "dropped") | .file' <<<"$output" | wc -l)" = 10 ]
    [ "$(jq -c 'select(.result == "summary") | [.node, .complete, .files, .dropped, .left]' <<<"$output")" = '["n1",true,10,10,0]' ]
    drain n1
    exits 0
    [[ $output == 'n1: 0 files had a copy there: '*'; 0 left' ]]
    every_file_is_sound
    every_copy_is_known
}

@test "a copy whose other is missing, too short, or on a node that is down is not dropped, and that is said" {
    need_servers
    configure file ftp ftp
    store_on n1 f 6
    plant_copies n2 f000{1,2,3}
    plant_copies n3 f000{4,5,6}
    rm "$(copies_of f0001 | grep /n2/)"
    truncate -s 5 "$(copies_of f0002 | grep /n2/)"
    stop_server "$lab/n3"
    drain n1
    exits 75
    [[ $output == 'n1: 6 files had a copy there: 1 dropped, 0 wait for replicate (0 queued now, 0 before), 5 not seen elsewhere, 0 cannot be moved; 5 left' ]]
    logs result=not-seen file=f0001 'reason="n2: it is not there"'
    logs result=not-seen file=f0002 'reason="n2: it has 5 bytes"'
    logs result=not-seen file=f0004 'reason="n3: .*'
    [ "$(count_logged result=not-asked-again)" = 1 ]
    logs nodespool 'check'
    is_on f0001 'n1 n2'
    is_on f0002 'n1 n2'
    is_on f0003 n2
    is_on f0004 'n1 n3'
    jobs_are 1
    jobs_are 1 '^remove n1 .* path=f0003$'
    every_file_is_sound
    start_vsftpd "$lab/n3"
    drain n1
    exits 75
    [[ $output == *'3 dropped'*'2 not seen elsewhere'*'2 left' ]]
}

@test "where fewer nodes are left than copies are wanted, the copies stay, and it is said once with a way out" {
    configure file file file
    store_on n1 f 3
    nodes readonly n3
    plant_copies n2 f000{1,2,3}
    sed -i 's/^copies .*/copies 2/' "$root/.links"/f000{1,2,3}
    drain n1
    exits 75
    [[ $output == *'0 dropped, 0 wait for replicate (0 queued now, 0 before), 0 not seen elsewhere, 3 cannot be moved; 3 left' ]]
    [ "$(count_logged 'add a node or resume one')" = 1 ]
    the_queue_is_empty
    is_on f0001 'n1 n2'
    nodes resume n3
    drain n1
    exits 75
    jobs_are 3 '^replicate f000[123] 17 [0-9.]+ copies=2$'
}

@test "two drains at once drop each copy once" {
    configure file file
    store_on n1 f 400
    mapfile -t all < <(all_files)
    plant_copies n2 "${all[@]}"
    "$bin/drain" -C "$root" n1 >"$lab/one" 2>"$lab/one.log" 3>&- &
    one=$!
    "$bin/drain" -C "$root" n1 >"$lab/two" 2>"$lab/two.log" 3>&- &
    two=$!
    wait $one
    wait $two
    cat "$lab"/{one,two}.log >>"$lab/log"
    jobs_are 400
    jobs_are 400 '^remove n1 '
    [ "$(jobs_waiting | sort -u | wc -l)" = 400 ]
    [ "$(cat "$lab"/{one,two}.log | grep -c result=dropped)" = 400 ]
    [ "$(copies_per_node | xargs)" = '400 n2' ]
    drain n1
    exits 0
    every_copy_is_known
}

# Every lock of link files that there is, held by process $holder until it is killed.
hold_link_locks() {
    local lock
    (
        for lock in "$root"/.links/.lock/*; do
            exec {held}>>"$lock"
            flock "$held"
        done
        echo held >"$lab/held"
        exec sleep 600
    ) 3>&- &
    holder=$!
    wait_for 10 test -s "$lab/held"
}

waits_for_a_lock() { grep -qE -- "-> FLOCK .* $1 " /proc/locks; }

@test "a drain that was paused while its node was resumed drops nothing" {
    configure file file
    store_on n1 f 40
    mapfile -t all < <(all_files)
    plant_copies n2 "${all[@]}"
    hold_link_locks
    "$bin/drain" -C "$root" n1 >"$lab/drain" 2>"$lab/drain.log" 3>&- &
    drain=$!
    wait_for 10 waits_for_a_lock $drain # it has seen the other copies, and goes on to drop
    kill -STOP $drain
    nodes resume n1
    exits 0
    kill -KILL $holder
    kill -CONT $drain
    status=0
    wait $drain || status=$?
    log=$(<"$lab/drain.log")
    echo "$log" >>"$lab/log"
    exits 75
    logs 'n1 is not marked as draining any more: stopped'
    [[ $(<"$lab/drain") == *' 0 dropped, '*'; 40 left' ]]
    the_queue_is_empty
    [ "$(copies_per_node | xargs)" = '40 n1 40 n2' ]
    [ ! -s "$root/.nodes" ]
}

# Killed as it renames for the N-th time: certainly in the middle, on whatever machine.
kill_at_rename() { # N PROGRAM [ARG...]
    local renames=rename,renameat,renameat2
    status=0
    strace -f -qq -o "$lab/calls" -e "trace=$renames" -e "inject=$renames:signal=KILL:when=$1" \
        "$bin/$2" -C "$root" "${@:3}" >>"$lab/killed.out" 2>>"$lab/log" || status=$?
    [ $status = 137 ] || fail "$2 ended with $status before it had renamed $1 times"
}

# Runs PROGRAM ARG... and kills it after up to half a second.
run_and_kill() {
    local process
    "$bin/$1" -C "$root" "${@:2}" >>"$lab/killed.out" 2>>"$lab/log" 3>&- &
    process=$!
    sleep "0.$(printf %03d $((RANDOM % 450 + 30)))"
    kill -KILL $process 2>/dev/null || true
    status=0
    wait $process 2>/dev/null || status=$?
}

@test "kill -9 of drain at twenty random moments loses nothing, and the last run ends it" {
    configure file file
    store_on n1 f 1500
    mapfile -t all < <(all_files)
    plant_copies n2 "${all[@]}"
    kill_at_rename 700 drain -q n1
    left=$(link_files -exec grep -l '^server n1 ' {} + | wc -l)
    ((left > 0 && left < 1500))
    for i in {1..19}; do
        run_and_kill drain -q n1
        every_file_has_a_copy
    done
    drain -q n1
    exits 0
    [ "$(copies_per_node | xargs)" = '1500 n2' ]
    every_file_is_sound
    every_copy_is_known
    # A job may be there twice, with and without the size: the second finds nothing to do.
    [ "$(jobs_waiting | awk '$1 == "remove" && $2 == "n1" { print $3 }' | sort -u | wc -l)" = 1500 ]
    jobs_are 0 '^replicate '
    [ -z "$(link_files -exec grep -l '^gone' {} +)" ]
    [ -z "$(find "$root" -type f -name '*.tmp')" ]
}

every_file_has_a_copy() {
    [ "$(link_files -exec grep -l '^server n2 ' {} + | wc -l)" = 1500 ]
}

@test "a dry run asks nodes, says what would be done and changes nothing" {
    configure file file
    store_on n1 f 3
    plant_copies n2 f0001 f0002
    rm "$(copies_of f0002 | grep /n2/)"
    snapshot "$root" "$lab/n1/root" "$lab/n2/root" >"$lab/before"
    drain -n n1
    exits 75
    grep -qx 'would be dropped f0001 (seen on n2)' <<<"$output"
    grep -qx 'would be not-seen f0002 (n2: it is not there)' <<<"$output"
    grep -qx 'would be queued f0003' <<<"$output"
    forget -n n1
    exits 0
    [ "$(wc -l <<<"$output")" = 1 ]
    grep -qE "^f0003 17 $(mtime_of "$lab/n1/root/$(awk '$1 == "server" { print $3 }' "$root/.links/f0003")" | cut -c 1-3)" <<<"$output"
    snapshot "$root" "$lab/n1/root" "$lab/n2/root" | diff "$lab/before" -
}

@test "drain of a node that is not configured is refused with a word about forget" {
    configure file
    drain m1
    exits 64
    logs "found node 'm1'" "nodespool forget"
    [ ! -e "$root/.nodes" ]
    drain
    exits 64
    forget 'no/node'
    exits 64
    logs "found node 'no/node'"
}

@test "forget takes a node out of all link files and prints what has no other copy" {
    configure file file
    store_on n1 f 5
    echo content | upload 'd/odd name=1'
    sed -i "s/^upload .*/& n1/" "$root"/.queue/*.q
    store
    exits 0
    plant_copies n2 f0001 f0002
    rm -r "$lab/n1/root" # it is lost
    list -lr
    awk '$5 == "n1" { print $2, $3, $4 }' <<<"$output" >"$lab/expected"
    forget n1
    exits 0
    diff "$lab/expected" <(sort <<<"$output")
    grep -q '^d/odd%20name%3D1 8 ' <<<"$output"
    logs result=marked node=n1 mark=draining
    logs result=forgotten file=f0001 node=n1 'name=[0-9]'
    is_on f0001 n2
    is_on f0003 ''
    [ -f "$root/.links/f0003" ]
    the_queue_is_empty
    list -lr
    [ "$(awk '$1 == 0' <<<"$output" | wc -l)" = 4 ]

    # Once more: nothing is left to do.
    snapshot "$root/.links" "$root/.queue" >"$lab/before"
    forget n1 --json
    exits 0
    [ "$(jq -c '[.result, .files, .lost]' <<<"$output")" = '["summary",0,0]' ]
    snapshot "$root/.links" "$root/.queue" | diff "$lab/before" -

    # A new upload of a lost file is welcome.
    mkdir "$lab/n1/root"
    echo 'content of f0003' | upload f0003
    store
    exits 0
    is_stored f0003
    is_on f0003 n2
}

@test "forget of a node that is no longer configured" {
    configure file file
    store_on n1 f 3
    plant_copies n2 f0001
    nodes=(n2)
    write_configuration
    forget n1 --json
    exits 0
    [ "$(jq -c 'select(.result == "lost") | .file' <<<"$output" | sort | xargs)" = 'f0002 f0003' ]
    [ ! -e "$root/.nodes" ]
    [ "$(copies_per_node | xargs)" = '1 n2' ]
}

@test "a version that the file space still holds is printed, and stored again" {
    cluster_lines='keep-local = yes' configure file file
    store_on n1 f 2
    forget n1
    exits 0
    [ "$(wc -l <<<"$output")" = 2 ]
    [ "$(count_logged result=in-file-space)" = 2 ]
    jobs_are 2 '^store f000[12] 17 [0-9.]+$'
    forget n1
    exits 0
    [ -z "$output" ]
    jobs_are 2
    cluster_lines='keep-local = no' write_configuration
    store
    exits 0
    is_stored f0001 f0002
    is_on f0001 n2
    is_on f0002 n2
}

@test "forget --replicate asks for new copies of files that are short" {
    configure file file file
    store_on n1 f 4
    plant_copies n2 f000{1,2,3}
    sed -i 's/^copies .*/copies 2/' "$root/.links"/f000{1,2}
    forget n1 --replicate
    exits 0
    [ "$(cut -d ' ' -f 1 <<<"$output")" = f0004 ]
    jobs_are 2
    jobs_are 2 '^replicate f000[12] 17 [0-9.]+ copies=2$'
    logs 'n1: 4 files named it, 1 of them have no other copy; 0 store jobs and 2 replicate jobs queued, 0 wait already'
    forget n1 --replicate
    exits 0
    [ -z "$output" ]
    jobs_are 2
    logs '2 wait already'
}

@test "where the list of lost files cannot be written, no link file loses its last copy" {
    configure file file
    store_on n1 f 3
    plant_copies n2 f0001
    status=0
    "$bin/forget" -C "$root" n1 2>"$lab/log.last" >/dev/full || status=$?
    cat "$lab/log.last" >>"$lab/log"
    [ $status = 74 ]
    is_on f0002 n1
    is_on f0003 n1
    forget n1
    exits 0
    [ "$(cut -d ' ' -f 1 <<<"$output" | xargs)" = 'f0002 f0003' ] || [ "$(cut -d ' ' -f 1 <<<"$output" | xargs)" = 'f0003 f0002' ]
}

@test "kill -9 of forget at twenty random moments: every lost file is printed, the last run ends it" {
    configure file file file
    store_on n1 f 1000
    plant_copies n2 f0{001..400}
    sed -i 's/^copies .*/copies 2/' "$root/.links"/f0{001..400}
    kill_at_rename 300 forget -q --replicate n1
    for i in {1..19}; do
        run_and_kill forget -q --replicate n1
    done
    forget n1 --replicate
    exits 0
    echo "$output" >>"$lab/killed.out"
    [ "$(cut -d ' ' -f 1 "$lab/killed.out" | grep -E '^f[0-9]{4}$' | sort -u | wc -l)" = 600 ]
    [ "$(copies_per_node | xargs)" = '400 n2' ]
    [ "$(jobs_waiting | sort -u | grep -c '^replicate f0... 17 [0-9.]* copies=2$')" = 400 ]
    jobs_are 0 '^(remove|store) '
}

@test "drain, replicate and remove empty a node, with one of the others down for a while" {
    need_servers
    configure ftp ftp ftp
    store_on n1 f 60
    plant_copies n2 f00{01..20}
    drain n1
    exits 75
    stop_server "$lab/n3"
    replicate
    drain n1
    start_vsftpd "$lab/n3"
    for i in {1..5}; do
        queue retry
        replicate
        remove
        drain n1
        [ "$status" != 0 ] || break
    done
    exits 0
    remove
    exits 0
    the_queue_is_empty
    [ -z "$(find "$lab/n1/root" -type f)" ]
    every_file_is_sound
    nodes_and_links_agree
    nodes
    [[ $(grep '^n1 ' <<<"$output" | xargs) =~ ^n1\ up,draining\ 0\ 0\  ]]
}

@test "after a node is lost, forget --replicate and replicate bring every file back to its copies" {
    need_servers
    configure ftp ftp file
    store_on n1 f 30
    plant_copies n2 f00{01..20}
    sed -i 's/^copies .*/copies 2/' "$root/.links"/f00{01..20}
    stop_server "$lab/n1"
    rm -r "$lab/n1/root"
    forget --replicate n1
    exits 0
    [ "$(cut -d ' ' -f 1 <<<"$output" | sort | xargs)" = "$(echo f00{21..30})" ]
    nodes=(n2 n3)
    write_configuration
    replicate
    exits 0
    the_queue_is_empty
    for i in {01..20}; do is_on "f00$i" 'n2 n3'; done
    nodes_and_links_agree
}
