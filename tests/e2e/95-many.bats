#!/usr/bin/env bats
# Hundreds of thousands of files: memory stays within a fixed bound, and work grows with the number of files, not faster.
# Work is counted in system calls: wall time says more about the machine than about the program.

load helpers

# In memory, where there is room: it is the number of files that counts here, not the disk.
setup() {
    local free_kib
    free_kib=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)
    ((${free_kib:-0} < 4 << 20)) || export TMPDIR=/dev/shm
    make_lab
}
teardown() { drop_lab; }

delete() { nodespool delete -C "$root" "$@"; }

most_kib=65536

# Link files for COUNT files PREFIX0000001…, with one copy each on n1. A prefix that ends in a slash is a flat directory;
# with a third argument, that many files go into each of as many directories as it takes.
make_links() { # PREFIX COUNT [FILES-A-DIRECTORY]
    local links=$root/.links
    mkdir -p "$links/.tmp" "$links/.lock" "$links/$1"
    awk -v prefix="$1" -v count="$2" -v each="${3:-0}" -v links="$links" 'BEGIN {
        for (i = 1; i <= count; i++) {
            name = sprintf("%07d", i)
            if (each > 0) {
                directory = sprintf("%sd%04d/", prefix, int((i - 1) / each))
                if ((i - 1) % each == 0) system("mkdir -p " links "/" directory)
                path = directory name
            } else
                path = prefix name
            file = links "/" path
            printf "%s 12 0 1700000000.000000000\nchecksum sha256:00\nserver n1 00/01/%s\ncopies 1\n", path, name >file
            close(file)
        }
    }'
}

# Runs a program within the bound: its standard output is in $lab/stdout.
runs_in_bounded_memory() { # PROGRAM [ARG...]
    local program=$1 kib
    shift
    status=0
    /usr/bin/time -q -f %M -o "$lab/kib" "$bin/$program" -C "$root" "$@" >"$lab/stdout" 2>"$lab/log.last" || status=$?
    log=$(<"$lab/log.last")
    kib=$(tail -n 1 "$lab/kib")
    echo "$program $*: $kib KiB" >>"$lab/log"
    ((kib < most_kib)) || fail "$program took $kib KiB"
}

# System calls that a program makes, with those of its children.
calls_of() { # PROGRAM [ARG...]
    local program=$1
    shift
    strace -f -c -o "$lab/calls" "$bin/$program" -C "$root" "$@" >"$lab/stdout" 2>>"$lab/log" || return
    awk '$NF == "total" { print $4 }' "$lab/calls"
}

# Ten times the files make at most ten times the calls: 5 % for directories that grow.
grows_linearly() { # CALLS-OF-FEW CALLS-OF-TEN-TIMES-AS-MANY
    echo "calls: $1 and $2" >>"$lab/log"
    (($1 > 0 && $2 <= $1 * 105 / 10)) || fail "ten times the files made $2 calls instead of $1"
}

@test "200,000 link files, most of them in one directory, are listed and deleted in bounded memory" {
    configure file
    make_links flat/ 180000
    make_links tree/ 20000 40
    runs_in_bounded_memory list -r
    exits 0
    [ "$(wc -l <"$lab/stdout")" = 200000 ]
    LC_ALL=C sort -c "$lab/stdout"
    [ "$(sed -n '1p;180000p;180001p;$p' "$lab/stdout" | xargs)" = \
        'flat/0000001 flat/0180000 tree/d0000/0000001 tree/d0499/0020000' ]
    runs_in_bounded_memory list -lr flat
    exits 0
    [ "$(awk '$1 == 1 && $3 == 12 && $5 == "n1"' "$lab/stdout" | wc -l)" = 180000 ]
    runs_in_bounded_memory delete -nr .
    exits 0
    [ "$(sort -u "$lab/stdout" | wc -l)" = 200000 ]
    runs_in_bounded_memory delete -r .
    exits 0
    logs result=deleted files=200000
    [ -z "$(ls "$root/.links")" ]
    [ "$(find "$root/.deleted" -type f | wc -l)" = 200000 ]
}

@test "many files that wait in one directory of the file space are listed and deleted in bounded memory" {
    configure file
    mkdir "$files/flat"
    (cd "$files/flat" && seq -f 'file%07.0f' 50000 | xargs touch)
    runs_in_bounded_memory list -r
    exits 0
    [ "$(wc -l <"$lab/stdout")" = 50000 ]
    LC_ALL=C sort -c "$lab/stdout"
    runs_in_bounded_memory delete -r flat
    exits 0
    [ -z "$(find "$files" -type f)" ]
}

@test "names with newlines and other odd bytes are listed in order, however many there are" {
    configure file
    perl -e '
        chdir shift or die;
        for my $i (1 .. 60000) {
            my $name = sprintf "%s%07d", ("a\n", "a\x0b", "a", "a\t", "a ", "a\xff", "a\x01")[$i % 7], $i * 7919 % 60013;
            open my $file, ">", $name . "x" x 80 or die;
        }' "$files"
    runs_in_bounded_memory list -r
    exits 0
    [ "$(wc -l <"$lab/stdout")" = 60000 ]
    # Decoded, and in hexadecimal digits, so that a line is a line again.
    perl -ne 'chomp; s/%([0-9A-F]{2})/chr hex $1/ge; print unpack("H*", $_), "\n"' "$lab/stdout" >"$lab/hex"
    [ "$(grep -c '^610a' "$lab/hex")" -gt 8000 ]
    LC_ALL=C sort -c "$lab/hex"
}

@test "ten times the link files take list and delete ten times the system calls" {
    configure file
    make_links few/ 2000
    make_links many/ 20000
    grows_linearly "$(calls_of list -r few)" "$(calls_of list -r many)"
    grows_linearly "$(calls_of delete -r few)" "$(calls_of delete -r many)"
    make_links trees/few/ 2000 20
    make_links trees/many/ 20000 20
    grows_linearly "$(calls_of list -r trees/few)" "$(calls_of list -r trees/many)"
    grows_linearly "$(calls_of delete -r trees/few)" "$(calls_of delete -r trees/many)"
    [ -z "$(ls "$root/.links")" ]
}

# The copies that make_links names, on n1: names of a few files, which is quicker made.
make_copies() { # COUNT
    mkdir -p "$lab/n1/root/00/01"
    perl -e '
        my ($directory, $count) = @ARGV;
        my $first;
        for my $i (1 .. $count) {
            my $copy = sprintf "%s/%07d", $directory, $i;
            next if -e $copy;
            if ($first && $i % 10000) {
                link $first, $copy or die "$copy: $!";
                next;
            }
            open my $file, ">", $first = $copy or die "$copy: $!";
            print $file "twelve bytes";
        }' "$lab/n1/root/00/01" "$1"
}

# Calls on files and descriptors only: how often threads wait for each other is chance.
file_calls_of() { # PROGRAM [ARG...]: its standard input is /dev/null
    local program=$1
    shift
    strace -f -c -e trace=file,desc -o "$lab/calls" "$bin/$program" -C "$root" "$@" >"$lab/stdout" 2>>"$lab/log" </dev/null || return
    awk '$NF == "total" { print $4 }' "$lab/calls"
}

@test "check of 200,000 link files against a file:// node: bounded memory, whether all is well, all is missing or all are orphans" {
    configure file
    make_links flat/ 200000
    make_copies 200000
    runs_in_bounded_memory check
    exits 0
    [ ! -s "$lab/stdout" ]

    mv "$root/.links/flat" "$lab/flat"
    runs_in_bounded_memory check
    exits 0
    [ "$(grep -c '^orphan n1 00/01/[0-9]* 12$' "$lab/stdout")" = 200000 ]
    cp "$lab/stdout" "$lab/findings"
    runs_in_bounded_memory repair -nq <"$lab/findings"
    exits 0
    mv "$lab/flat" "$root/.links/flat"

    find "$lab/n1/root" -mindepth 1 -delete
    runs_in_bounded_memory check
    exits 0
    [ "$(grep -c '^missing n1 00/01/[0-9]* flat/[0-9]* 12$' "$lab/stdout")" = 200000 ]
    cp "$lab/stdout" "$lab/findings"
    runs_in_bounded_memory repair -nq <"$lab/findings"
    exits 75 # each would lose its only copy
    [ "$(grep -c 'would leave a link file without a copy' "$lab/stdout")" = 200000 ]
}

@test "ten times the link files take check ten times the calls" {
    configure file
    make_links flat/ 2000
    make_copies 2000
    few=$(file_calls_of check)
    [ ! -s "$lab/stdout" ]
    make_links flat/ 20000
    make_copies 20000
    many=$(file_calls_of check)
    [ ! -s "$lab/stdout" ]
    grows_linearly "$few" "$many"
    find "$lab/n1/root" -type f -delete
    many=$(file_calls_of check)
    [ "$(grep -c '^missing ' "$lab/stdout")" = 20000 ]
    rm -r "$root/.links/flat"
    make_links flat/ 2000
    few=$(file_calls_of check)
    [ "$(grep -c '^missing ' "$lab/stdout")" = 2000 ]
    grows_linearly "$few" "$many"
}

# NODESPOOL_TEST_GIB=100 takes minutes, and says no more.
@test "a file of many GiB is stored with its checksum in bounded memory" {
    local gib=${NODESPOOL_TEST_GIB:-4}
    configure_hostile_node
    truncate -s "${gib}G" "$files/large"
    nodespool upload-hook -C "$root" "$files/large"
    runs_in_bounded_memory store
    exits 0
    logs result=stored file=large bytes=$((gib << 30))
    [ "$(awk 'FNR == 1 { print $2 }' "$root/.links/large")" = $((gib << 30)) ]
    grep -q '^checksum sha256:' "$root/.links/large"
}
