#!/usr/bin/env bats
# check and repair on real servers: what they find, what they must not take for a finding, and what becomes of it.

load helpers

setup() {
    need_servers
    make_lab
}
teardown() { drop_lab; }

check() { nodespool check -C "$root" "$@"; }
# Repairs the lines of $findings.
repair() {
    status=0
    output=$("$bin/repair" -C "$root" "$@" <<<"$findings" 2>"$lab/log.last") || status=$?
    log=$(<"$lab/log.last")
    printf '$ repair %s # exit status %s\n%s\n%s\n' "$*" "$status" "$findings" "$log" >>"$lab/log"
}

finds() { # LINE...: check printed exactly these, in any order
    diff <(printf '%s\n' "$@" | sort) <(sort <<<"$output") || fail "check finds something else (>) than expected (<)"
}
finds_nothing() { [ -z "$output" ] || fail "check finds: $output"; }

name_of() { # FILE [NODE]: the name of its copy
    awk -v node="${2-}" '$1 == "server" && (node == "" || $2 == node) { print $3; exit }' "$root/.links/$1"
}
node_of() { nodes_of "$1" | head -n 1; }
copy_of() { echo "$lab/$(node_of "$1")/root/$(name_of "$1")"; }
version_of() { awk 'NR == 1 { print $2, $4 }' "$root/.links/$1"; }

# A second copy of the file on another node, as replicate would record it.
second_copy() { # FILE NODE
    local name
    name=$(name_of "$1")
    mkdir -p "$(dirname "$lab/$2/root/$name.2")"
    cp "$(copy_of "$1")" "$lab/$2/root/$name.2"
    chmod -R a+rwX "$lab/$2/root"
    sed -i 's/^copies 1$/copies 2/' "$root/.links/$1"
    echo "server $2 $name.2" >>"$root/.links/$1"
}
other_node() { # FILE: one that has no copy
    local node
    for node in "${nodes[@]}"; do
        nodes_of "$1" | grep -qx "$node" || { echo "$node" && return; }
    done
}

plant() { # NODE NAME: a file that nodespool knows nothing of; the content is stdin
    mkdir -p "$(dirname "$lab/$1/root/$2")"
    cat >"$lab/$1/root/$2"
    chmod -R a+rwX "$lab/$1/root"
}

# Some stored files on all nodes, each with one copy.
store_some() { # COUNT
    local i
    for ((i = 1; i <= $1; i++)); do
        head -c $((100 * i)) /dev/urandom | land "dir/file $i"
    done
    find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -q -C "$root"
    store
    exits 0
}

@test "a sound cluster, with uploads that wait: check prints nothing" {
    configure ftp ftp file
    store_some 30
    echo waiting | upload later
    check
    exits 0
    finds_nothing
    check --checksum
    exits 0
    finds_nothing
    check --json
    finds_nothing
}

@test "orphans, truncated and deleted copies are found, repaired, and gone after that" {
    configure ftp ftp file
    store_some 9
    mapfile -t stored < <(cd "$root/.links" && find dir -type f | sort)
    missing=${stored[0]} cut=${stored[1]} double=${stored[2]}
    for file in "$missing" "$cut" "$double"; do
        second_copy "$file" "$(other_node "$file")"
    done
    check
    exits 0
    finds_nothing
    missing_line="missing $(node_of "$missing") $(name_of "$missing") ${missing// /%20} $(version_of "$missing" | cut -d ' ' -f 1)"
    cut_line="size $(node_of "$cut") $(name_of "$cut") ${cut// /%20} $(version_of "$cut" | cut -d ' ' -f 1) 17"
    rm "$(copy_of "$missing")"
    truncate -s 17 "$(copy_of "$cut")"
    cut_job="remove $(node_of "$cut") $(name_of "$cut") "
    echo stray | plant n1 'stray file'
    echo stray | plant n2 60/00/stray
    echo stray | plant n3 'a/ünï%'
    check
    exits 0
    finds "$missing_line" "$cut_line" 'orphan n1 stray%20file 6' 'orphan n2 60/00/stray 6' 'orphan n3 a/ünï%25 6'

    findings=$output
    repair
    exits 0
    logs result=dropped finding=missing
    logs result=removal-queued finding=size
    logs result=adopted node=n1 'file=lost\+found/n1/stray%20file'
    jobs_are 1 "^${cut_job}0 path=${cut// /%20}"
    jobs_are 2 '^replicate .* copies=2$'
    jobs_are 3
    grep -qx "server n2 60/00/stray" "$root/.links/lost+found/n2/60/00/stray"
    [ "$(head -n 1 "$root/.links/lost+found/n2/60/00/stray" | cut -d ' ' -f 2,3)" = '6 0' ]
    [ "$(nodes_of "$missing" | wc -l)" = 1 ]
    cmp "$(copy_of "$missing")" "$lab/original/$missing"
    cmp "$(copy_of "$cut")" "$lab/original/$cut"
    cmp "$(copy_of "$double")" "$lab/original/$double"
    check
    exits 0
    finds_nothing
    # The same lines again, stale by now.
    before=$(snapshot "$root/.links" "$root/.queue")
    repair
    exits 0
    [ "$(count_logged result=settled)" = 5 ]
    [ "$(snapshot "$root/.links" "$root/.queue")" = "$before" ]
}

@test "check piped into repair; orphans get remove jobs with --delete-orphans" {
    configure ftp file
    store_some 4
    echo stray | plant n1 00/00/one
    echo stray | plant n2 00/00/two
    "$bin/check" -C "$root" | "$bin/repair" -C "$root" --delete-orphans
    jobs_are 1 '^remove n1 00/00/one 6 path=lost\+found/n1/00/00/one$'
    jobs_are 1 '^remove n2 00/00/two 6 path=lost\+found/n2/00/00/two$'
    [ ! -e "$root/.links/lost+found" ]
    check
    finds_nothing
}

@test "changed content of the right size is found with --checksum only, and replaced while a sound copy is there" {
    configure ftp ftp
    store_some 2
    mapfile -t stored < <(cd "$root/.links" && find dir -type f | sort)
    second_copy "${stored[0]}" "$(other_node "${stored[0]}")"
    for file in "${stored[@]}"; do
        printf X | dd of="$(copy_of "$file")" conv=notrunc status=none
    done
    check
    finds_nothing
    check --checksum
    exits 0
    [ "$(grep -c '^content ' <<<"$output")" = 2 ]
    found=sha256:$(sha256sum "$(copy_of "${stored[0]}")" | cut -d ' ' -f 1)
    recorded=$(awk '$1 == "checksum" { print $2 }' "$root/.links/${stored[0]}")
    grep -qx "content $(node_of "${stored[0]}") $(name_of "${stored[0]}") ${stored[0]// /%20} $recorded $found" <<<"$output"
    findings=$output
    repair
    exits 75 # the other file has no sound copy: a person has to look
    logs result=removal-queued finding=content "file=${stored[0]// /%20}"
    logs result=kept finding=content "file=${stored[1]// /%20}"
    cmp "$(copy_of "${stored[0]}")" "$lab/original/${stored[0]}"
    [ "$(nodes_of "${stored[1]}" | wc -l)" = 1 ]
}

@test "a node that was wiped while its server is up: its copies leave, lost files are told and stored again where they can be" {
    cluster_lines='keep-local = yes'
    configure ftp ftp
    store_some 20
    on_n1=$(link_files -exec grep -l '^server n1 ' {} + | wc -l)
    kept=$(link_files -exec grep -l '^server n1 ' {} + | head -n 1)
    kept=${kept#"$root/.links/"}
    find "$files" -type f ! -path "$files/$kept" -delete
    find "$lab/n1/root" -mindepth 1 -delete
    check
    exits 0
    [ "$(grep -c '^missing n1 ' <<<"$output")" = "$on_n1" ]
    [ "$(wc -l <<<"$output")" = "$on_n1" ]
    findings=$output
    repair
    exits 75
    [ "$(count_logged 'result=lost')" = $((on_n1 - 1)) ]
    logs result=store-queued "file=${kept// /%20}"
    jobs_are 1
    jobs_are 1 "^store ${kept// /%20} "
    # Never silently dropped: the link files stay, and each check tells.
    [ "$(link_files -printf x | wc -c)" = 20 ]
    check
    [ "$(grep -c '^lost ' <<<"$output")" = "$on_n1" ]
    store
    exits 0
    check
    exits 0
    [ "$(grep -c '^lost ' <<<"$output")" = $((on_n1 - 1)) ]
    cmp "$(copy_of "$kept")" "$lab/original/$kept"
    # Uploaded again, a lost file is whole again.
    again=$(awk 'NR == 1 { print $2 }' <<<"$output")
    again=${again//%20/ }
    upload "$again" <"$lab/original/$again"
    store
    exits 0
    check
    [ "$(grep -c '^lost ' <<<"$output" || true)" = $((on_n1 - 2)) ]
}

@test "a node that is down yields no finding and status 75, the others are checked, and repair leaves it alone" {
    configure ftp ftp file
    store_some 9
    echo stray | plant n3 stray
    file=$(link_files -exec grep -l '^server n1 ' {} + | head -n 1)
    line="missing n1 $(name_of "${file#"$root/.links/"}") $(head -n 1 "$file" | cut -d ' ' -f 1) 1"
    stop_server "$lab/n1"
    check
    exits 75
    finds 'orphan n3 stray 6'
    logs 'n1: '
    before=$(snapshot "$root/.links")
    findings=$line
    repair
    exits 75
    logs result=not-verified node=n1
    [ "$(snapshot "$root/.links")" = "$before" ]
    mv "$lab/n3/root" "$lab/n3/unmounted"
    check
    exits 75
    finds_nothing
}

@test "check of one node and of one path" {
    configure ftp ftp
    store_some 8
    echo stray | plant n1 stray
    echo stray | plant n2 stray
    check --node n2
    exits 0
    finds 'orphan n2 stray 6'
    check --node n1,n2
    finds 'orphan n1 stray 6' 'orphan n2 stray 6'
    check --node n9
    exits 64
    logs "option --node: found 'n9', expected a node of the configuration"
    rm "$(copy_of 'dir/file 1')" "$(copy_of 'dir/file 2')"
    check "$files/dir/file 1"
    exits 0
    finds "missing $(node_of 'dir/file 1') $(name_of 'dir/file 1') dir/file%201 100"
    check dir
    [ "$(wc -l <<<"$output")" = 2 ]
    check nowhere
    exits 74
    logs 'nowhere'
    check /etc
    exits 64
}

@test "a file that is being sent, and what a killed store left, is no finding" {
    configure ftp ftp
    head -c 24M /dev/urandom | upload big
    start_store background --limit-rate 4M
    a_copy_has_begun() { [ -n "$(find "$lab"/n?/root -type f -size +0)" ]; }
    wait_for 10 a_copy_has_begun
    check
    exits 0
    finds_nothing
    kill -KILL "$pid"
    wait "$pid" || true
    check
    exits 0
    finds_nothing
    read -r node name < <(held_copies)
    findings="orphan $node $name 1"
    repair --delete-orphans
    exits 0
    logs result=settled "node=$node"
    jobs_are 0 '^remove '
}

@test "what gone lines, .deleted/ and remove jobs name is no orphan; a gone line that stays is told and repaired" {
    configure ftp ftp
    store_some 2
    for name in gone deleted ready held rejected; do
        echo stray | plant n1 $name
    done
    mkdir -p "$root/.deleted"
    printf 'f 6 0 5\nserver n1 deleted\n' >"$root/.deleted/20261120-201503.123456-h-1-1"
    echo 'remove n1 ready 6' >"$root/.queue/1.q"
    echo 'remove n1 held 6' >"$root/.queue/held/1.q"
    echo 'remove n1 rejected 6' >"$root/.queue/rejected/1.q"
    echo 'gone n1 gone' >>"$root/.links/dir/file 1"
    check
    exits 0
    finds 'gone n1 gone dir/file%201'
    findings=$output
    repair
    exits 0
    jobs_are 1 '^remove n1 gone 0 path=dir/file%201$'
    not grep -q '^gone ' "$root/.links/dir/file 1"
    check
    finds_nothing
}

@test "lines of any kind on repair's input: bad ones are told with their place, the others are worked" {
    configure ftp
    store_some 1
    echo stray | plant n1 stray
    findings=$'# a comment\n\norphan n1\nmissing n1 x ../up 5\n  orphan\tn1 stray 6 \r\nnonsense\norphan n1 stray 6'
    repair
    exits 65
    logs 'stdin:3:10: found the end of the line, expected NAME'
    logs 'stdin:4:14: found a .\.\.. component, expected FILE'
    logs "stdin:6:1: found 'nonsense', expected orphan"
    [ "$(count_logged result=rejected)" = 3 ]
    [ "$(count_logged result=adopted)" = 1 ]
    # A line without a newline, and one that is far too long.
    rm -r "$root/.links/lost+found"
    printf 'orphan n1 %s 1\norphan n1 stray 6' "$(head -c 70000 /dev/zero | tr '\0' x)" >"$lab/input"
    status=0
    "$bin/repair" -C "$root" <"$lab/input" 2>"$lab/log.last" || status=$?
    log=$(<"$lab/log.last")
    exits 65
    logs result=adopted name=stray
    logs 'stdin:1:65537: found a line of 70012 bytes'
}

@test "repair -n says what it would do and changes nothing; --json" {
    configure ftp file
    store_some 4
    second_copy 'dir/file 1' "$(other_node 'dir/file 1')"
    rm "$(copy_of 'dir/file 1')"
    echo stray | plant n2 stray
    check --json
    exits 0
    [ "$(jq -r .finding <<<"$output" | sort | tr '\n' ' ')" = 'missing orphan ' ]
    [ "$(jq -r 'select(.finding == "missing") | .file + " " + (.size | tostring)' <<<"$output")" = 'dir/file%201 100' ]
    [ "$(jq -r 'select(.finding == "orphan") | .node + " " + .name + " " + (.size | tostring)' <<<"$output")" = 'n2 stray 6' ]
    check
    findings=$output
    before=$(snapshot "$root" "$lab/n1/root" "$lab/n2/root")
    repair -n
    exits 0
    [ "$(wc -l <<<"$output")" = 2 ]
    grep -q '^missing .*: would take it out of the link file: a job makes it 2 copies$' <<<"$output"
    grep -qx 'orphan n2 stray 6: would make the link file lost+found/n2/stray' <<<"$output"
    repair -n --json
    [ "$(jq -r .would <<<"$output" | sort | tr '\n' ' ')" = 'adopted dropped ' ]
    [ "$(snapshot "$root" "$lab/n1/root" "$lab/n2/root")" = "$before" ]
    repair --json
    [ "$(jq -r .result <<<"$output" | sort | tr '\n' ' ')" = 'adopted dropped ' ]
}

@test "an unreadable link file is told, and nothing is called an orphan meanwhile" {
    configure ftp
    store_some 2
    echo stray | plant n1 stray
    : >"$root/.links/empty"
    check
    exits 74
    finds "unreadable empty $root/.links/empty:1: found an empty file, expected PATH SIZE OWNER MTIME"
    logs 'orphans are not told'
    findings='orphan n1 stray 6'
    repair --delete-orphans
    exits 74
    logs result=kept
    jobs_are 0
    rm "$root/.links/empty"
    check
    exits 0
    finds 'orphan n1 stray 6'
}

@test "checks beside a store that is at work find nothing" {
    configure ftp file file
    rounds=0
    for version in 1 2 3; do
        for i in {001..400}; do
            echo "version $version of $i" | land "d$((10#$i % 5))/f$i"
        done
        find "$files" -type f -print0 | xargs -0 "$bin/upload-hook" -q -C "$root"
        start_store background --limit-rate 1k
        while kill -0 "$pid" 2>/dev/null; do
            "$bin/check" -C "$root" >"$lab/second" 2>>"$lab/log" &
            second=$!
            check
            exits 0
            finds_nothing
            wait "$second"
            [ ! -s "$lab/second" ] || fail "the second check finds: $(cat "$lab/second")"
            rounds=$((rounds + 1))
        done
        finish_store background "$pid"
        exits 0
    done
    check
    exits 0
    finds_nothing # not before all versions are there, and the old copies have their remove jobs
    jobs_are 800 '^remove '
    ((rounds >= 6)) || fail "only $rounds checks ran beside store"
}

@test "kill -9 of repair at twenty random moments: check and repair again, and all is as if nothing had happened" {
    configure file file
    store_some 60
    mapfile -t stored < <(cd "$root/.links" && find dir -type f | sort)
    for file in "${stored[@]}"; do
        second_copy "$file" "$(other_node "$file")"
    done
    for i in "${!stored[@]}"; do
        case $((i % 3)) in
            0) rm "$(copy_of "${stored[i]}")" ;;
            1) truncate -s 5 "$(copy_of "${stored[i]}")" ;;
            2) echo "stray $i" | plant n1 "00/stray$i" ;;
        esac
    done
    killed=0
    for ((i = 0; i < 20; i++)); do
        "$bin/check" -C "$root" >"$lab/findings"
        "$bin/repair" -C "$root" <"$lab/findings" 2>>"$lab/log" 3>&- &
        pid=$!
        sleep "0.$(printf %03d $((i * 10 + RANDOM % 20)))" # the random moment
        kill -KILL "$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        [ "$status" != 137 ] || killed=$((killed + 1))
    done
    ((killed > 0))
    "$bin/check" -C "$root" | "$bin/repair" -C "$root" 2>>"$lab/log"
    check
    exits 0
    finds_nothing
    for i in "${!stored[@]}"; do
        file=${stored[i]}
        if ((i % 3 == 2)); then
            [ "$(nodes_of "$file" | wc -l)" = 2 ]
            [ "$(head -n 1 "$root/.links/lost+found/n1/00/stray$i" | cut -d ' ' -f 2)" = "$(size_of "$lab/n1/root/00/stray$i")" ]
        else
            [ "$(nodes_of "$file" | wc -l)" = 1 ]
            jobs_are 1 "^replicate ${file// /%20} .* copies=2"
        fi
        cmp "$(copy_of "$file")" "$lab/original/$file"
        ((i % 3 != 1)) || [ "$(jobs_waiting | grep -c "^remove .* path=${file// /%20}\$")" -ge 1 ]
    done
    [ -z "$(find "$root" -type f -name '*.tmp')" ]
}
