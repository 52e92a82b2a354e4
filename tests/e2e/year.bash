#!/bin/bash
# A year in the life of a cluster, told as a script: uploads, deletions, lost disks, damaged files, a node that retires.
# Run it by hand: NODESPOOL_BIN_DIR=build/dev/bin tests/e2e/year.bash  (as root; takes a minute or three)
# It says what happens; it ends with 0 where every file that should live has two copies with the right bytes at the end,
# and where nothing else is left anywhere.
# shellcheck disable=SC2119  # the functions' arguments are not the script's

set -eEuo pipefail
# shellcheck source=tests/e2e/helpers.bash
source "$(dirname -- "${BASH_SOURCE[0]}")/helpers.bash"

begun=$SECONDS
tell() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }

make_lab
trap 'drop_lab' EXIT
trap '((BASH_SUBSHELL)) || echo "year.bash: line $LINENO: $BASH_COMMAND" >&2' ERR

# What an operator does when something went wrong, as often as it takes: $rounds.
check_and_repair_until_quiet() { # [REPAIR-OPTION...]
    local findings
    for rounds in {1..6}; do
        run_all_jobs
        check
        exits 0
        findings=$output
        [ -n "$findings" ] || return 0
        cut -d ' ' -f 1 <<<"$findings" | sort | uniq -c | while read -r count kind; do
            tell "   check, round $rounds: $count $kind"
        done
        "$bin/repair" -q -C "$root" "$@" <<<"$findings" 2>>"$lab/log"
    done
    fail "it is not quiet after $rounds rounds: $findings"
}

# A policy in a line of shell: two copies of everything.
two_copies_of_everything() {
    "$bin/list" -C "$root" -lr | awk '$1 < 2 { print "replicate", $2, $3, $4, "copies=2" }' >"$lab/wanted"
    add_jobs <"$lab/wanted"
}

# Uploads everything below DIR as a client does, and waits for the hooks.
upload_tree() { # DIR
    local before
    before=$(wc -l <"$lab/hook.calls")
    mirror_up "$1"
    hooks_succeeded $((before + $(find "$1" -type f | wc -l)))
}

# --- January: four nodes and an upload server -----------------------------------------------------------------------
configure ftp ftp pure file
start_upload_server
tell "January: two vsftpd, a pure-ftpd and a directory; clients upload 2,000 files with lftp"
for ((i = 0; i < 2000; i++)); do
    name="$lab/original/d$((i % 23))/sub $((i % 7))/file-$i"
    [ $((i % 50)) != 7 ] || name+=' größer & 100% = schön #1'
    mkdir -p "${name%/*}"
    echo "file $i of the year" >"$name"
    [ $((i % 10)) != 0 ] || head -c $((i * 13)) /dev/urandom >>"$name"
    [ $((i % 400)) != 3 ] || head -c 1M /dev/urandom >"$name"
done
: >"$lab/original/d0/empty" # and one more, without content
upload_tree "$lab/original"
tell "   uploaded"
run_all_jobs
every_file_has_copies 1
the_nodes_are_even_within 1
tell "   stored, one copy each: $(copies_per_node | xargs)"

# --- February: two copies of everything ------------------------------------------------------------------------------
two_copies_of_everything
jobs_are 2001 '^replicate '
run_all_jobs
every_file_has_copies 2
tell "February: two copies of everything: $(copies_per_node | xargs)"

# --- March: 300 files are deleted -------------------------------------------------------------------------------------
mkdir "$lab/deleted"
mapfile -d '' -t doomed < <(cd "$lab/original" && find d1 d2 d3 -type f -print0 | sort -z)
doomed=("${doomed[@]:0:300 - $(find "$lab/original/d4" -type f | wc -l)}")
(cd "$files" && printf '%s\0' "${doomed[@]}" | xargs -0 "$bin/delete" -q -C "$root" --)
delete -r "$files/d4"
exits 0
mv "$lab/original/d4" "$lab/deleted"
(cd "$lab/original" && printf '%s\0' "${doomed[@]}" | xargs -0 cp --parents -t "$lab/deleted")
(cd "$lab/original" && printf '%s\0' "${doomed[@]}" | xargs -0 rm)
[ "$(find "$lab/deleted" -type f | wc -l)" = 300 ]
# n2 is down for a while meanwhile.
stop_server "$lab/n2"
remove
exits 75
start_vsftpd "$lab/n2"
queue retry
run_all_jobs
every_file_has_copies 2
tell "March: 300 files are deleted, while n2 is down for a while: $(copies_per_node | xargs)"

# --- April: 300 files get new versions --------------------------------------------------------------------------------
mapfile -d '' -t changed < <(cd "$lab/original" && find d7 d8 d9 d10 d11 -type f -print0 | sort -z | head -z -n 300)
mkdir "$lab/changed"
for name in "${changed[@]}"; do
    mkdir -p "$lab/changed/${name%/*}"
    { echo "new version of"; cat "$lab/original/$name"; } >"$lab/changed/$name"
done
[ "$(find "$lab/changed" -type f | wc -l)" = 300 ]
upload_tree "$lab/changed"
(cd "$lab/changed" && find . -type f -print0 | xargs -0 sha256sum) >"$lab/changed.sums"
(cd "$lab/original" && printf '%s\0' "${changed[@]}" | xargs -0 sha256sum) | cut -d ' ' -f 1 >"$lab/outdated.sums"
cp -r "$lab/changed/." "$lab/original"
run_all_jobs
two_copies_of_everything
run_all_jobs
every_file_has_copies 2
tell "April: 300 files are overwritten: $(copies_per_node | xargs)"

# --- May: n2 loses its data, its server is up ------------------------------------------------------------------------
find "$lab/n2/root" -mindepth 1 -delete
tell "May: n2 is wiped"
check_and_repair_until_quiet
every_file_has_copies 2
tell "   healed after $rounds rounds: $(copies_per_node | xargs)"

# --- June: somebody puts files onto nodes, and cuts some of ours ------------------------------------------------------
mapfile -t victims < <(link_files -exec awk '$1 == "server" && !seen[FILENAME]++ && FNR < 4 { print $2 "/root/" $3 }' {} + |
    sort | awk 'NR % 40 == 1')
for i in "${!victims[@]}"; do
    victim=$lab/${victims[i]}
    case $((i % 3)) in
        0) truncate -s $(($(size_of "$victim") / 2)) "$victim" ;;
        1) : >"$victim" ;;
        2) echo 'something more' >>"$victim" ;;
    esac
done
for node in n1 n2 n3 n4; do
    mkdir -p "$lab/$node/root/strange" "$lab/$node/root/12/34"
    for i in {1..10}; do
        echo "strange $i on $node" >"$lab/$node/root/strange/file $i"
        echo "strange $i on $node" >"$lab/$node/root/12/34/261121-000000-0000000000000000-$i"
    done
    chown -R "$servers_user:" "$lab/$node/root"
done
tell "June: ${#victims[@]} files on nodes are cut or grow, 80 strange files appear on them"
check_and_repair_until_quiet
# They were given link files below lost+found; the operator has a look, and deletes them.
[ "$(find "$root/.links/lost+found" -type f | wc -l)" = 80 ]
delete -r "$files/lost+found"
exits 0
run_all_jobs
every_file_has_copies 2
tell "   healed after $rounds rounds: $(copies_per_node | xargs)"

# --- July: n3 is lost for good ----------------------------------------------------------------------------------------
stop_server "$lab/n3"
mv "$lab/n3" "$lab/scrap"
tell "July: n3 is lost"
forget --replicate n3
exits 0
[ -z "$output" ] # every file has another copy
nodes=(n1 n2 n4)
write_configuration
run_all_jobs
every_file_has_copies 2
tell "   forgotten: $(copies_per_node | xargs)"

# --- September: n4 retires, while strange files come to it ------------------------------------------------------------
echo strange >"$lab/n4/root/a stranger"
find "$lab/n1/root" -type f | sort | awk 'NR % 100 == 5' | xargs -d '\n' truncate -s 1
tell "September: n4 is drained, while some files on n1 are cut"
for round in {1..8}; do
    drain -q n4
    [ "$status" != 0 ] || break
    check_and_repair_until_quiet --delete-orphans
done
exits 0
check_and_repair_until_quiet --delete-orphans
[ -z "$(find "$lab/n4/root" -type f)" ] || fail "n4 is not empty: $(find "$lab/n4/root" -type f | head)"
every_file_has_copies 2
tell "   drained after $round rounds: $(copies_per_node | xargs)"
nodes=(n1 n2)
write_configuration

# --- December: the books are audited ----------------------------------------------------------------------------------
check --checksum
exits 0
[ -z "$output" ] || fail "check finds: $output"
every_file_has_copies 2
[ "$(find "$lab/original" -type f | wc -l)" = 1701 ]
[ "$("$bin/list" -C "$root" -r | wc -l)" = 1701 ]
# No deleted file and no old version is anywhere: not on a node that is in use, nor on the cluster server.
(cd "$lab/deleted" && find . -type f -size +0 -print0 | xargs -0 sha256sum) | cut -d ' ' -f 1 | cat - "$lab/outdated.sums" |
    sort -u >"$lab/must-not-be.sums"
find "$lab"/n{1,2,4}/root "$root" "$files" -type f -print0 | xargs -0 sha256sum | cut -d ' ' -f 1 | sort -u >"$lab/there.sums"
[ -z "$(comm -12 "$lab/must-not-be.sums" "$lab/there.sums")" ] || fail "content that was deleted or overwritten is still there"
tell "December: every file has two copies with the right bytes, and nothing else is left"
BATS_TEST_COMPLETED=1
