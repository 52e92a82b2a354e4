#!/bin/bash
# Small files to one FTP node: nodespool store against lftp mirror -R, with the same numbers of connections, in one run.
#
#   NODESPOOL_BIN_DIR=DIR   the programs; default build/release/bin
#   BENCH_FILES=1000 BENCH_BYTES=4096 BENCH_ROUNDS=3 BENCH_CONNECTIONS='1 4 8'
#
# What is compared, so that nobody reads more into it:
# - Both send the same files from one flat directory to the same vsftpd on loopback, and both start with a new process that
#   has to log in. Rounds are interleaved: each has every tool and number of connections once, in an order that alternates.
# - nodespool's time is that of `store` alone, on jobs that were queued before. It includes what lftp does not do: a SHA-256,
#   a check of the size on the node, a link file for each copy that is durable (fsync) before the local file goes, the
#   removal of the local file, ticks, and two looks that wait 100 ms each.
# - lftp's time is that of mirror -R into a new directory, tuned for speed: commands are sent without waiting for replies
#   (sync-mode off), nothing is asked about features, no ALLO, modes, times or comparisons. It leaves the local files and
#   records nothing.
# - The node has nodespool's 64 x 64 directories already, as a node in use does.
# - After each run, everything that arrived is compared with the originals by SHA-256; a difference ends the benchmark.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/servers/servers.bash
source "$here/../servers/servers.bash"
bin=$(cd -- "${NODESPOOL_BIN_DIR:-$here/../../build/release/bin}" && pwd)
files=${BENCH_FILES:-1000}
bytes=${BENCH_BYTES:-4096}
rounds=${BENCH_ROUNDS:-3}
read -ra connections <<<"${BENCH_CONNECTIONS:-1 4 8}"
for variable in $(compgen -e NODESPOOL_); do
    unset "$variable"
done
export LC_ALL=C

fail() {
    echo "store-small-files: $*" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail 'needs root, for vsftpd'
for command in lftp vsftpd "$bin/store" "$bin/upload-hook"; do
    command -v "$command" >/dev/null || fail "no program $command"
done

lab=$(mktemp -d "${TMPDIR:-/tmp}/nodespool-bench.XXXXXX")
chmod 755 "$lab"
trap 'stop_server "$lab/node"; rm -rf "$lab"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what is sent, and where to --------------------------------------------------------------------------------------

mkdir "$lab/original"
for ((i = 0; i < files; i++)); do
    printf -v name 'file-%07d.dat' "$i"
    head -c "$bytes" /dev/urandom >"$lab/original/$name"
done
(cd "$lab/original" && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum | cut -d' ' -f1) >"$lab/original.sums"

start_vsftpd "$lab/node"
node=$lab/node/root
(cd "$node" && mkdir -p {00..63}/{00..63})
chown -R "$(stat -c %u:%g "$node")" "$node"
url=$(server_url "$lab/node")

# --- one run of each tool: sets $seconds -----------------------------------------------------------------------------

timed() { # CMD...
    local start=${EPOCHREALTIME/./} status=0
    "$@" >"$lab/run.out" 2>&1 || status=$?
    seconds=$((${EPOCHREALTIME/./} - start))e-6
    [ "$status" = 0 ] || fail "exit status $status of $1: $(tail -n 5 "$lab/run.out")"
}

clear_node() {
    find "$node" -type f -delete
    rm -rf "$node/lftp"
}

run_nodespool() { # CONNECTIONS
    local root=$lab/cluster
    rm -rf "$root" "$lab/upload"
    mkdir "$root"
    cp -a "$lab/original" "$lab/upload"
    (umask 077 && printf '[cluster]\nfiles = %s\nlog = %s\n[node.n1]\nurl = %s\nconnections = %s\n' \
        "$lab/upload" "$lab/nodespool.log" "$url" "$1" >"$root/.cluster.conf")
    (cd "$lab/upload" && find . -type f -printf '%P\0' | sort -z | xargs -0 "$bin/upload-hook" -q -C "$root")
    sync
    timed "$bin/store" -q -C "$root" -j "$1"

    [ -z "$(find "$lab/upload" -type f)" ] || fail 'files are left in the file space'
    # shellcheck disable=SC2016 # the program is awk's
    (cd "$root/.links" && find . -maxdepth 1 -type f -printf '%P\0' | sort -z |
        xargs -0 awk '$1 == "server" { print $3 }') >"$lab/names"
    (cd "$node" && xargs sha256sum <"$lab/names" | cut -d' ' -f1) >"$lab/sums"
    cmp "$lab/original.sums" "$lab/sums" || fail 'what nodespool stored differs'
    [ "$(find "$node" -type f | wc -l)" = "$files" ] || fail 'the node holds other files, too'
    clear_node
}

run_lftp() { # CONNECTIONS
    sync
    # The password goes through a file, not through the command line that everybody can see.
    (umask 077 && cat >"$lab/lftp.commands" <<LFTP
set cmd:fail-exit yes
set net:connection-limit 0
set ftp:sync-mode off
set ftp:use-feat no
set ftp:use-allo no
set ftp:use-site-chmod no
set ftp:use-site-utime no
set ftp:use-site-utime2 no
set ftp:use-mdtm no
set ftp:use-size no
set ftp:use-mdtm-overloaded no
open $url
mirror -R --parallel=$1 --only-missing --no-perms --no-umask --no-symlinks $lab/original lftp
LFTP
    )
    timed lftp --norc -f "$lab/lftp.commands"
    diff -rq "$lab/original" "$node/lftp" >&2 || fail 'what lftp stored differs'
    clear_node
}

# --- the rounds ------------------------------------------------------------------------------------------------------

echo "$files files of $bytes bytes, $rounds rounds; $(nproc) CPUs, Linux $(uname -r), file system $(stat -f -c %T "$lab");" \
    "$("$bin/store" --version), lftp $(lftp --version | sed -n '1s/.*Version \([^ ]*\).*/\1/p')," \
    "vsftpd $(dpkg-query -W -f '${Version}' vsftpd 2>/dev/null || echo unknown)"
# One of each first, uncounted: caches and the server's first steps.
run_nodespool "${connections[0]}"
run_lftp "${connections[0]}"
for ((round = 1; round <= rounds; round++)); do
    tools=(nodespool lftp)
    ((round % 2)) || tools=(lftp nodespool)
    for count in "${connections[@]}"; do
        for tool in "${tools[@]}"; do
            "run_$tool" "$count"
            echo "$tool $count $seconds" >>"$lab/results"
        done
    done
done

sort -k1,1 -k2,2n -k3,3g "$lab/results" | awk -v files="$files" -v bytes="$bytes" -v rounds="$rounds" '
    { key = $1 " " $2; rates[key, ++n[key]] = files / $3; if (!seen[$2]++) counts[++k] = $2 }
    function median(key, m) { # the rates of a key fall, as the seconds rise
        m = int((n[key] + 1) / 2)
        return n[key] % 2 ? rates[key, m] : (rates[key, m] + rates[key, m + 1]) / 2
    }
    function json(tool, count, ratio, key) {
        key = tool " " count
        printf "{\"bench\":\"store-small-files\",\"tool\":\"%s\",\"connections\":%d,\"files\":%d,\"bytes\":%d,\"rounds\":%d,",
            tool, count, files, bytes, rounds
        printf "\"files_per_s\":%.1f,\"min\":%.1f,\"max\":%.1f%s}\n", median(key), rates[key, n[key]], rates[key, 1], ratio
    }
    END {
        printf "\n%11s %22s %22s %9s\n", "CONNECTIONS", "nodespool (min-max)", "lftp (min-max)", "RATIO"
        for (i = 1; i <= k; i++) {
            a = "nodespool " counts[i]; b = "lftp " counts[i]
            printf "%11d %22s %22s %9.2f\n", counts[i],
                sprintf("%.0f (%.0f-%.0f)", median(a), rates[a, n[a]], rates[a, 1]),
                sprintf("%.0f (%.0f-%.0f)", median(b), rates[b, n[b]], rates[b, 1]), median(a) / median(b)
        }
        print "Files per second, medians; nodespool records every file durably within that time, lftp records nothing.\n"
        for (i = 1; i <= k; i++) {
            json("nodespool", counts[i], sprintf(",\"ratio_to_lftp\":%.2f", median("nodespool " counts[i]) / median("lftp " counts[i])))
            json("lftp", counts[i], "")
        }
    }'
