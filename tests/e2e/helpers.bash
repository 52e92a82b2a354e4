# What the end-to-end tests share: a cluster in a directory of its own, uploads into it, and looks at what became of them.
# shellcheck shell=bash
#
# Each test has $lab: cluster/ (the root), upload/ (the file space), original/ (a copy of everything uploaded), n1/ n2/ …
# (nodes), log (all log lines of all programs). It is removed when the test succeeds, kept and named when it fails.

e2e_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/servers.bash
source "$e2e_dir/../servers/servers.bash"
bin=$(cd -- "${NODESPOOL_BIN_DIR:-$e2e_dir/../../build/dev/bin}" && pwd) || exit
unset NODESPOOL_ROOT
export LC_ALL=C.UTF-8

# --- the life of a test ----------------------------------------------------------------------------------------------

make_lab() {
    lab=$(mktemp -d "${TMPDIR:-/tmp}/nodespool-e2e.XXXXXX") || return
    chmod 755 "$lab"
    root=$lab/cluster files=$lab/upload
    mkdir "$root" "$files" "$lab/original"
    : >"$lab/log"
}

drop_lab() {
    local dir mounted
    # Sanitizers report on stderr, which is in the log.
    if grep -aE 'ERROR: (Address|Leak)Sanitizer|runtime error:|WARNING: ThreadSanitizer' "$lab/log"; then
        echo "a sanitizer found something; the data of the test is in $lab" >&2
        BATS_TEST_COMPLETED=
    fi
    for dir in "$lab"/*/; do
        stop_server "${dir%/}"
    done
    while read -r mounted; do
        umount "$mounted"
    done < <(findmnt -rn -o TARGET | grep "^$lab/")
    if [ -n "${BATS_TEST_COMPLETED-}" ]; then
        rm -rf --one-file-system "$lab"
    else
        echo "the data of the test is kept in $lab; the end of its log:" >&2
        tail -n 20 "$lab/log" >&2
    fi
}

fail() {
    echo "$*" >&2
    return 1
}

# `! command` does not fail a test, this does.
not() {
    ! "$@"
}

need_servers() {
    [ "$(id -u)" = 0 ] || skip "the FTP servers need root"
}

# --- the cluster -----------------------------------------------------------------------------------------------------

# The configuration, mode 0600: `configure KIND… ` makes nodes n1, n2, … of the kinds `ftp` (a vsftpd), `tls` (a vsftpd with
# explicit TLS), `ftps` (one with implicit TLS), `pure` (a pure-ftpd), `sftp` (an sshd, by key) and `file`; servers are
# started. More lines for the sections come from $cluster_lines and $node_lines; a file $lab/NODE/section is taken in place of
# what the kind says.
configure() {
    local kind n=0
    nodes=()
    for kind; do
        nodes+=("n$((++n))")
        case $kind in
            ftp) start_vsftpd "$lab/n$n" || return ;;
            tls) start_vsftpd_tls "$lab/n$n" || return ;;
            ftps) start_vsftpd_tls "$lab/n$n" implicit_ssl=YES || return ;;
            pure) start_pure_ftpd_node "$lab/n$n" || return ;;
            sftp) start_sshd "$lab/n$n" || return ;;
            file) mkdir -p "$lab/n$n/root" ;;
        esac
        echo "$kind" >"$lab/n$n/kind"
    done
    write_configuration
}

# Makes n1 a server that answers as files of $lab/n1 say (tests/faults/hostile_ftp_server) and keeps nothing.
configure_hostile_node() {
    local dir address port address_lock
    need_servers
    nodes=(n1)
    servers_prepare "$lab/n1" ftp && servers_start hostile "$e2e_dir/../faults/hostile_ftp_server" "$address" "$port" "$dir" || return
    echo ftp >"$lab/n1/kind"
    : >"$lab/n1/commands"
    write_configuration
}

section_of() { # NODE
    case $(<"$lab/$1/kind") in
        ftp | pure) echo "url = $(server_url "$lab/$1")" ;;
        tls) printf 'url = %s\ntls = require\nca-file = %s\n' "$(server_url "$lab/$1")" "$(server_ca)" ;;
        ftps) printf 'url = %s\nca-file = %s\n' "$(server_url "$lab/$1")" "$(server_ca)" ;;
        sftp)
            printf 'url = %s\nidentity-file = %s\nknown-hosts-file = %s\nssh-config-file = /dev/null\n' \
                "$(server_url "$lab/$1" "$servers_user")" "$lab/$1/userkey" "$lab/$1/known_hosts"
            ;;
        file) echo "url = file://$lab/$1/root" ;;
    esac
}

write_configuration() {
    local node
    {
        printf '[cluster]\nfiles = %s\n%s\n' "$files" "${cluster_lines-}"
        for node in "${nodes[@]}"; do
            printf '[node.%s]\n' "$node"
            if [ -e "$lab/$node/section" ]; then
                cat "$lab/$node/section"
            else
                section_of "$node"
            fi
            printf '%s\n' "${node_lines-}"
        done
    } >"$root/.cluster.conf.new"
    chmod 600 "$root/.cluster.conf.new"
    mv "$root/.cluster.conf.new" "$root/.cluster.conf"
}

# Runs a program of the cluster as a person would: $status, $output (standard output), $log (what it logged).
nodespool() { run_logged "$bin/$1" "${@:2}"; } # PROGRAM [ARG...]
# The same through a command that limits it, or interferes with it.
run_logged() { # COMMAND [ARG...]
    status=0
    output=$("$@" 2>"$lab/log.last") || status=$?
    log=$(<"$lab/log.last")
    {
        printf '$ %s' "${1##*/}"
        printf ' %q' "${@:2}"
        printf ' # exit status %s\n%s\n' "$status" "$log"
    } >>"$lab/log"
}

# The same for the programs that take -C, with the cluster already named.
store() { nodespool store -C "$root" "$@"; }
replicate() { nodespool replicate -C "$root" "$@"; }
remove() { nodespool remove -C "$root" "$@"; }
delete() { nodespool delete -C "$root" "$@"; }
check() { nodespool check -C "$root" "$@"; }
drain() { nodespool drain -C "$root" "$@"; }
forget() { nodespool forget -C "$root" "$@"; }
list() { nodespool list -C "$root" "$@"; }
queue() { nodespool queue -C "$root" "$@"; }
upload_hook() { nodespool upload-hook -C "$root" "$@"; }

exits() { # STATUS: of the program that ran last
    [ "$status" = "$1" ] || fail "exit status $status instead of $1: $log"
}

logs() { # PATTERN…: one line of the last program's log matches all of these patterns
    local lines=$log pattern
    for pattern; do
        lines=$(grep -aE -e "$pattern" <<<"$lines") || fail "no line of the log matches $*:"$'\n'"$log" || return
    done
}

logs_no() { # PATTERN
    ! grep -aE -e "$1" <<<"$log" || fail "the log has a line that matches $1"
}

count_logged() { # PATTERN: lines of the last program's log
    grep -acE -e "$1" <<<"$log" || true
}

# Runs a program in the background, its log in $lab/NAME.log, its standard output in $lab/NAME.stdout, its process id in $pid.
start() { # NAME PROGRAM [ARG...]: stdin is the caller's
    local name=$1 program=$2
    shift 2
    "$bin/$program" -C "$root" "$@" <&0 >"$lab/$name.stdout" 2>"$lab/$name.log" 3>&- &
    pid=$!
}
start_store() { start "$1" store "${@:2}"; } # NAME [ARG...]

# Waits for it: $status, $output, $log.
finish() { # NAME PID
    status=0
    wait "$2" || status=$?
    output=$(<"$lab/$1.stdout")
    log=$(<"$lab/$1.log")
    printf '$ in the background: %s # exit status %s\n%s\n' "$1" "$status" "$log" >>"$lab/log"
}
finish_store() { finish "$@"; } # NAME PID

has_logged() { # NAME PATTERN: the program that was started as NAME
    grep -qaE -e "$2" "$lab/$1.log"
}

# --- uploads ---------------------------------------------------------------------------------------------------------

# Puts a file into the file space as a finished upload would stand there; the content is stdin.
land() { # NAME
    local source=$lab/original/$1 target=$files/$1
    # `dirname` would lose a newline at the end of a directory's name.
    mkdir -p "${source%/*}" "${target%/*}"
    cat >"$source"
    cp "$source" "$target"
}

# The same with the upload event: the hook makes the job.
upload() { # NAME
    land "$1"
    upload_hook "$files/$1"
    exits 0
}

# COUNT small files PREFIX0001…, each with content of its own, with one call of the hook.
upload_many() { # PREFIX COUNT
    local i name names=()
    for ((i = 1; i <= $2; i++)); do
        printf -v name '%s%04d' "$1" "$i"
        echo "content of $name" >"$lab/original/$name"
        echo "content of $name" >"$files/$name"
        names+=("$files/$name")
    done
    upload_hook "${names[@]}"
    exits 0
}

# Scans until COUNT jobs stand in the queue: a file has to be quiet for a while before it is queued.
scan_until_jobs_are() { # COUNT
    # shellcheck disable=SC2317  # called by wait_for
    scan_finds() {
        upload_hook --scan
        [ "$status" != 0 ] || [ "$(jobs_waiting | wc -l)" = "$1" ]
    }
    wait_for 15 scan_finds "$1" || true
    exits 0
    jobs_are "$1"
}

size_of() { stat -c %s -- "$1"; }
mtime_of() { stat -c %.9Y -- "$1"; }

# Queues the lines of stdin, all of them good.
add_jobs() {
    queue add
    exits 0
}

# Job lines, to be written into queue files by hand.
upload_line() { # NAME [REST...]
    echo "upload ${1// /%20} 0 $(size_of "$files/$1") $(mtime_of "$files/$1") ${*:2}"
}
store_line() { # NAME [REST...]
    echo "store ${1// /%20} $(size_of "$files/$1") $(mtime_of "$files/$1") ${*:2}"
}


# Of the version that the link file records.
replicate_line() { # NAME [REST...]
    awk -v rest="${*:2}" '{ print "replicate", $1, $2, $4, rest; exit }' "$root/.links/$1"
}
remove_lines() { # NAME [NODE]: for its copies, by hand, so without path=
    awk -v node="${2-}" 'NR == 1 { size = $2 } $1 == "server" && (node == "" || $2 == node) { print "remove", $2, $3, size }' \
        "$root/.links/$1"
}

# The upload server over the file space: $upload_url. Each finished call of the hook is a line in $lab/hook.calls.
start_upload_server() { # [FLAG...]
    chown "$servers_user:$servers_user" "$files"
    : >"$lab/hook.calls"
    cat >"$lab/hook" <<HOOK
#!/bin/bash
NODESPOOL_ROOT=$root $bin/upload-hook "\$@" 2>>$lab/hook.log
printf '%s %q\n' \$? "\$1" >>$lab/hook.calls
HOOK
    chmod +x "$lab/hook"
    start_pure_ftpd "$lab/server" "$files" "$lab/hook" "$@" || return
    upload_url=$(server_url "$lab/server")
}

hook_calls_are() { # COUNT
    [ "$(wc -l <"$lab/hook.calls")" -ge "$1" ]
}

# Waits until the hook was called COUNT times, each time successfully.
hooks_succeeded() { # COUNT
    wait_for 60 hook_calls_are "$1" || fail "the hook was called $(wc -l <"$lab/hook.calls") times instead of $1" || return
    ! grep -v '^0 ' "$lab/hook.calls" || fail "the hook failed: $(cat "$lab/hook.log")"
}

# Uploads everything in $lab/original, or in another directory, as lftp does it, with four connections.
mirror_up() { # [DIR]
    cat >"$lab/lftp" <<LFTP
set cmd:fail-exit yes
set net:max-retries 2
set net:timeout 20
set file:charset UTF-8
set ftp:charset UTF-8
open $upload_url
mirror -R --parallel=4 ${1-$lab/original} /
LFTP
    lftp -f "$lab/lftp"
}

# A small file system of its own on DIR.
mount_tiny() { # DIR SIZE
    mkdir -p "$1"
    mount -t tmpfs -o "size=$2,mode=$(stat -c %a "$1"),uid=$(stat -c %u "$1"),gid=$(stat -c %g "$1")" tiny "$1" 2>/dev/null ||
        skip "cannot mount a small file system here"
}

# --- the queue -------------------------------------------------------------------------------------------------------

# The job lines that wait, of all queue files.
jobs_waiting() {
    find "$root/.queue" -maxdepth 1 -type f ! -name '.*.tmp' -exec cat {} + | grep -avE '^[[:space:]]*(#|$)' || true
}

the_queue_is_empty() {
    [ -z "$(find "$root/.queue" -maxdepth 1 -type f)" ] ||
        fail "the queue is not empty: $(cd "$root/.queue" && find . -maxdepth 1 -type f; jobs_waiting)"
}

jobs_are() { # COUNT [PATTERN]
    local count
    count=$(jobs_waiting | grep -caE -e "${2-.}") || true
    [ "$count" = "$1" ] || fail "$count jobs instead of $1 match '${2-.}': $(jobs_waiting)"
}

# --- what is where ---------------------------------------------------------------------------------------------------

link_files() { # find(1) arguments that follow the selection
    [ ! -d "$root/.links" ] || find "$root/.links" -path "$root/.links/.*" -prune -o -type f "$@"
}

# `NODE NAME` for each copy that a link file names (`gone` ones too: they are known).
recorded_copies() {
    link_files -exec awk '$1 == "server" || $1 == "gone" { print $2, $3 }' {} + | sort
}

# `NODE NAME` for each file that is on a node.
held_copies() {
    local node
    for node in "${nodes[@]}"; do
        (cd "$lab/$node/root" && find . -type f -printf "$node %P\n")
    done | sort
}

# Every file that is on a node stands in a link file, and every copy that a link file names is on its node.
nodes_and_links_agree() {
    diff <(recorded_copies) <(held_copies) >"$lab/disagreement" ||
        fail "link files (<) and nodes (>) disagree: $(cat "$lab/disagreement")"
}

nodes_of() { # NAME: the nodes that its link file names
    awk '$1 == "server" { print $2 }' "$root/.links/$1"
}

copies_of() { # NAME: the paths of its copies
    awk -v lab="$lab" '$1 == "server" { print lab "/" $2 "/root/" $3 }' "$root/.links/$1"
}

is_stored() { # NAME...: one copy, identical with what was uploaded last, nothing left in the file space
    local name copies
    for name; do
        [ -f "$root/.links/$name" ] || fail "$name has no link file" || return
        mapfile -t copies < <(copies_of "$name")
        [ ${#copies[@]} = 1 ] || fail "$name has ${#copies[@]} copies: $(cat "$root/.links/$name")" || return
        cmp -- "${copies[0]}" "$lab/original/$name" || fail "the copy of $name differs" || return
        [ ! -e "$files/$name" ] || fail "$name is still in the file space" || return
    done
}

is_not_stored() { # NAME...: still in the file space as uploaded
    local name
    for name; do
        cmp -- "$files/$name" "$lab/original/$name" || fail "$name is not in the file space as uploaded" || return
        [ ! -e "$root/.links/$name" ] || fail "$name has a link file: $(cat "$root/.links/$name")" || return
    done
}

has_copies() { # COUNT NAME...: each on another node, identical with what was uploaded last
    local count=$1 name copy copies
    shift
    for name; do
        [ -f "$root/.links/$name" ] || fail "$name has no link file" || return
        mapfile -t copies < <(copies_of "$name")
        [[ ${#copies[@]} = "$count" && $(nodes_of "$name" | sort -u | wc -l) = "$count" ]] ||
            fail "$name does not have $count copies on as many nodes: $(cat "$root/.links/$name")" || return
        for copy in "${copies[@]}"; do
            cmp -- "$copy" "$lab/original/$name" || fail "a copy of $name differs" || return
        done
    done
}

# What no program leaves behind once everything is done: temporaries, sending logs, deleted links, half copies, held locks.
nothing_is_left_over() {
    local left
    left=$(
        find "$root/.queue" "$root/.links" "$files" \( -name '.*.tmp' -o -name '.*.done' -o -name '.nodespool-*' \) -print
        find "$root/.links/.tmp" "$root/.deleted" "$root/.queue/rejected" -type f -print 2>/dev/null || true
        find "$root/.state" -name 'sending-*' -print
        find "$root/.links" -path "$root/.links/.*" -prune -o -type f -exec awk '$1 == "gone" { print FILENAME ": " $0 }' {} +
        awk -v device="$(stat -c '%Hd:%Ld' "$root" | awk -F: '{ printf "%02x:%02x", $1, $2 }')" \
            'NR == FNR { inodes[$1]; next } split($6, id, ":") && id[1] ":" id[2] == device && id[3] in inodes' \
            <(find "$root" -type f -printf '%i\n') /proc/locks
    )
    [ -z "$left" ] || fail "this is left over: $left" || return
    nodes_and_links_agree
}

# Exactly the files of original/ are in the catalogue, each with COUNT copies on as many nodes, byte-identical; there is
# nothing else on any node, no job, and nothing left over.
every_file_has_copies() { # COUNT
    local i
    checksums "$lab/original" >"$lab/uploaded.sums"
    for ((i = 0; i < $1; i++)); do
        cat "$lab/uploaded.sums"
    done | sort >"$lab/wanted.sums"
    recorded_checksums >"$lab/held.sums"
    diff "$lab/wanted.sums" "$lab/held.sums" >"$lab/difference" ||
        fail "$1 copies of each (<) and copies there are (>) differ: $(head -n 20 "$lab/difference")" || return
    [ -z "$(link_files -exec awk '$1 == "server" && seen[FILENAME, $2]++ { print FILENAME }' {} +)" ] ||
        fail "a file has two copies on one node" || return
    [ -z "$(find "$files" -type f)" ] || fail "files are left in the file space: $(find "$files" -type f | head)" || return
    the_queue_is_empty && nothing_is_left_over
}

# The sessions of killed programs on the servers have noticed that these are gone.
sessions_have_ended() {
    local node
    for node in "${nodes[@]}"; do
        [ "$(<"$lab/$node/kind")" = file ] || server_is_idle "$lab/$node" || return
    done
}

# The processors, until no job is left that could run: at most 6 rounds.
run_all_jobs() {
    local round program
    for round in {1..6}; do
        wait_for 20 sessions_have_ended || fail "sessions stay open" || return
        for program in store replicate remove; do
            nodespool "$program" -C "$root"
            [[ $status = 0 || $status = 75 ]] || fail "$program ends with $status: $log" || return
        done
        [ -n "$(jobs_waiting)" ] || [ -n "$(find "$root/.deleted" -type f 2>/dev/null)" ] || return 0
        queue retry
    done
    fail "jobs are left after $round rounds: $(jobs_waiting)"
}

# `SHA256 ENCODED-PATH` of each file below a directory, the encoding of nodespool done independently.
checksums() { # DIR
    (cd "$1" && find . -type f -print0 | xargs -0r sha256sum -z) | perl -0 -ne '
        chomp;
        my ($sum, $path) = /^(\S+)  \.\/(.*)$/s;
        print "$sum ", encode($path), "\n";
        sub encode {
            my ($raw) = @_;
            my $character = qr/[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
                |\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/x;
            my $out = "";
            while ($raw =~ /\G($character|.)/gs) {
                my $c = $1;
                my $plain = $c =~ /^$character$/ && $c !~ /^[\x00-\x20\x7f%=]$/ && $c !~ /^\xc2[\x80-\x9f]$/
                    && !($c eq "#" && $out eq "");
                $out .= $plain ? $c : join "", map { sprintf "%%%02X", ord } split //, $c;
            }
            return $out;
        }' | sort
}

# The same of copies on the nodes, one line a copy; stdin: `NODE/NAME ENCODED-PATH` for each.
checksums_of_copies() {
    local node
    sort >"$lab/copies"
    for node in "${nodes[@]}"; do
        (cd "$lab/$node/root" && find . -type f -printf '%P\0' | xargs -0r sha256sum --) |
            awk -v node="$node" '{ print node "/" $2, $1 }'
    done | sort | join - "$lab/copies" | awk '{ print $2, $3 }' | sort
}
recorded_checksums() { # by the link files
    link_files -exec awk 'FNR == 1 { path = $1 } $1 == "server" { print $2 "/" $3, path }' {} + | checksums_of_copies
}
listed_checksums() { # by `list`
    "$bin/list" -C "$root" --json -r | jq -r '.path as $path | .nodes[] | "\(.node)/\(.name) \($path)"' | checksums_of_copies
}

# Everything that was uploaded is on the nodes, each file once, byte-identical; nothing is left anywhere else.
everything_is_stored() {
    checksums "$lab/original" >"$lab/uploaded.sums"
    recorded_checksums >"$lab/stored.sums"
    diff "$lab/uploaded.sums" "$lab/stored.sums" >"$lab/difference" ||
        fail "uploaded (<) and stored (>) differ: $(head -n 20 "$lab/difference")" || return
    nodes_and_links_agree || return
    [ -z "$(find "$files" -name '.queue' -prune -o -type f -print)" ] ||
        fail "files are left in the file space: $(find "$files" -type f | head)" || return
    the_queue_is_empty
}

# The same, where copies are left that only `remove` jobs can take away: each such copy has one, and there is no other job.
everything_is_stored_but_removals() {
    local node name
    while read -r node name; do
        jobs_are 1 "^remove $node $name " || return
        rm "$lab/$node/root/$name"
    done < <(comm -13 <(recorded_copies) <(held_copies))
    jobs_are 0 '^(upload|store|replicate) ' || return
    rm -f "$root"/.queue/*.q
    everything_is_stored
}

# What a dry run must not change: names, types, modes, owners, sizes, times and contents.
snapshot() { # DIR...
    find "$@" -printf '%p %y %m %U %G %s %T@ %l\n' | sort
    find "$@" -type f -print0 | sort -z | xargs -0r sha256sum -z | tr '\0' '\n'
}

# Copies per node in the link files, as `COUNT NODE`.
copies_per_node() {
    link_files -exec awk '$1 == "server" { print $2 }' {} + | sort | uniq -c
}

the_nodes_are_even_within() { # MOST
    local counts least most
    mapfile -t counts < <(copies_per_node | awk '{ print $1 }' | sort -n)
    [ ${#counts[@]} = ${#nodes[@]} ] || fail "not every node has files: $(copies_per_node)" || return
    least=${counts[0]} most=${counts[-1]}
    ((most - least <= $1)) || fail "round robin is uneven: $(copies_per_node)"
}
